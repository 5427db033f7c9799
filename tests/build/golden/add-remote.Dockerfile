FROM alpine
ADD https://example.com/releases/tool-1.2.tar.gz /tmp/
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/big.bin /opt/big.bin
ADD --unpack=true https://example.com/dist.tgz /opt/dist/
ADD --unpack=false local.tar.gz /opt/local.tar.gz
ADD --keep-git-dir=true https://github.com/moby/buildkit.git#v0.14.1 /buildkit
ADD git@github.com:moby/moby.git?branch=master&subdir=docs /docs
ADD --chown=1000:1000 --chmod=0644 config/*.json config/[a-c]?.yaml /etc/app/
