#!/usr/bin/perl
# Interlaces two pictures into one image for a lenticular sheet: under every lens lie strips of both, and the eye sees
# one or the other, depending on where it stands.
#
#   lenticular [--lens N] FIRST.png SECOND.png OUT.png
#
# N is the width of a lens in pixels (an even number, 8 if not given): its left half shows FIRST, its right half SECOND.
use strict;
use warnings;
use GD;
use Getopt::Long;

my $lens = 8;
GetOptions('lens=i' => \$lens) && @ARGV == 3
    or die "usage: lenticular [--lens N] FIRST.png SECOND.png OUT.png\n";
die "lenticular: the lens width must be an even number of at least 2, not $lens\n" if $lens < 2 || $lens % 2;

my ($first, $second) = map { picture($_) } @ARGV[0, 1];
my ($width, $height) = $first->getBounds;
my ($width2, $height2) = $second->getBounds;
die "lenticular: the pictures differ in size: ${width}x$height and ${width2}x$height2\n"
    if $width != $width2 || $height != $height2;

GD::Image->trueColor(1);
my $out = GD::Image->new($width, $height);
my $half = $lens / 2;
for (my $x = 0; $x < $width; $x += $half) {
    my $from = ($x / $half) % 2 ? $second : $first;
    my $strip = $x + $half > $width ? $width - $x : $half;
    $out->copy($from, $x, 0, $x, 0, $strip, $height);
}

open(my $file, '>:raw', $ARGV[2]) or die "lenticular: $ARGV[2]: $!\n";
print {$file} $out->png;
close($file) or die "lenticular: $ARGV[2]: $!\n";
printf "%s: %d x %d pixels, %d lenses\n", $ARGV[2], $width, $height, ($width + $lens - 1) / $lens;

sub picture {
    my ($path) = @_;
    -r $path or die "lenticular: $path: $!\n";
    return GD::Image->newFromPng($path, 1) || die "lenticular: $path is not a PNG picture\n";
}
