## containers in a table
$C run -d --name $N-up $B sleep 100 > /dev/null
$C run --name $N-down $B sh -c 'exit 3'
$C ps --filter name=$N
$C ps -a --filter name=$N
$C ps -a --filter name=$N --format 'table {{.Names}}\t{{.Status}}'
$C ps -a --filter name=$N --format 'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Ports}}\t{{.State}}\t{{.Labels}}\t{{.Mounts}}\t{{.Networks}}\t{{.LocalVolumes}}\t{{.CreatedAt}}'
$C ps -q --filter status=exited --filter name=$N | wc -l
$C ps -aq --no-trunc --filter name=$N
$C ps -a --no-trunc --filter name=$N --format '{{.Command}}'
$C ps -aq --filter exited=3 --filter name=$N | wc -l
$C ps -aq --filter status=running --filter status=exited --filter name=$N | wc -l
$C ps -aq --filter ancestor=$B --filter name=$N | wc -l
$C ps -aq --filter name=^/$N-up\$ | wc -l
$C ps -aq --filter name=^$N-u | wc -l
$C ps -aq --filter id=$($C ps -q --filter name=$N-up) | wc -l
$C ps -aq --filter before=$N-down --filter name=$N | wc -l
$C ps -aq --filter since=$N-up --filter name=$N | wc -l
$C ps -aq --filter network=bridge --filter name=$N | wc -l
$C ps -a --last 1 --format '{{.Status}}' --filter name=$N | wc -l
$C ps -a --format json --filter name=$N-down | sed 's/"Platform":[a-z"]*,//'
$C ps -s --filter name=$N-up --format '{{.Size}}' | sed 's/[0-9.]*[kM]*B/SIZE/g'
$C ps --filter name=$N --format '{{upper .Names}} {{.Label "x"}} {{.HasNothing}}'
rc $C ps --filter nonsense=1
rc $C ps --filter status=nonsense
rc $C ps --filter nonsense
rc $C ps --format '{{.Names'
rc $C ps extra
rc $C ps --filter before=nosuch
rc $C ps --filter exited=x
rc $C ps --filter health=none --filter name=$N -q | wc -l
## inspect formats
$C run -d --name $N-i -e A=1 --label x=y -v $N-vol:/v --tmpfs /t $B sleep 100 > /dev/null
$C inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' $N-i
$C inspect -f '{{.State.ExitCode}}' $N-i
$C inspect -f '{{.Name}} {{.Driver}} {{.Platform}} {{.Config.Hostname}} {{.HostConfig.NetworkMode}} {{len .Mounts}}' $N-i | sed 's/ overlay2 / DRIVER /; s/ scow / DRIVER /'
$C inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}} {{.Mode}} {{.Driver}}{{println}}{{end}}' $N-i
$C inspect -f '{{index .Config.Env 0}} {{index .Config.Labels "x"}} {{.Config.Labels.x}}' $N-i
$C inspect -f '{{if .State.Running}}up{{else}}down{{end}} {{with .Config}}{{.Image}}{{end}}' $N-i
$C inspect -f '{{range $i, $e := .Config.Env}}{{$i}}:{{$e}};{{end}}' $N-i
$C inspect -f '{{join .Config.Cmd " "}} {{json .Config.Cmd}} {{.Config.Cmd}} {{printf "%q %d %v %s" .Name .State.ExitCode .State.Running .Path}}' $N-i
$C inspect -f '{{.Created}} {{.State.StartedAt}} {{.State.FinishedAt}}' $N-i
$C inspect -f '{{json .HostConfig.Tmpfs}} {{json .Config.Volumes}} {{.HostConfig.Binds}}' $N-i
$C inspect --type container -f '{{.Config.Image}}' $N-i
rc $C inspect --type image $N-i
rc $C inspect --type nonsense $N-i 2>/dev/null
rc $C inspect nosuch
rc $C inspect -f '{{.Name}}' nosuch $N-i
rc $C container inspect nosuch
rc $C image inspect nosuch
rc $C inspect -f '{{.Nosuch}}' $N-i
rc $C inspect -f '{{.State.Nosuch}}' $N-i
rc $C inspect -f '{{.State' $N-i
rc $C inspect -f '{{nosuch .State}}' $N-i
rc $C inspect -f '{{.State.Pid.X}}' $N-i
rc $C inspect -f '{{index .Config.Env 99}}' $N-i
rc $C inspect -f '{{lower .Name}} {{title "abc"}} {{split "a,b" ","}} {{truncate "abcdef" 3}} {{pad "a" 1 1}}|' $N-i
rc $C inspect -f '{{eq .State.ExitCode 0}} {{and true .State.Running}} {{not .State.Running}} {{len .Name}} {{slice .Name 1 3}} {{html "<"}}' $N-i
rc $C inspect -f '{{- range .Mounts -}} {{.Type}} {{- end -}} {{/* comment */}}' $N-i
$C inspect --format json $N-i | cut -c1-7
$C inspect -s -f '{{.SizeRw}}' $N-i | grep -c '^[0-9]'
$C inspect -f '{{.NetworkSettings.Gateway}} {{.NetworkSettings.IPAddress}} {{.NetworkSettings.MacAddress}} {{.NetworkSettings.Bridge}}|' $N-i
$C rm -f $N-i > /dev/null; $C volume rm $N-vol > /dev/null 2>&1; true
## keys of inspect
$C create --name $N-k $B true > /dev/null
$C inspect $N-k | sed -n 's/^ *\("[A-Za-z0-9]*"\):.*/\1/p' | grep -vE 'Dir"$' | sort -u; $C inspect $N-k | grep -c WorkingDir
## images in a table
$C tag $B $N-t:1; $C tag $B $N-t:2
$C images --format '{{.Repository}}:{{.Tag}} {{.Size}}' $N-t
$C images $N-t
$C images -q $N-t | sort -u | wc -l
$C images --no-trunc -q $N-t:1
$C images --digests $N-t
$C images --filter reference="$N-*:1" --format '{{.Tag}}'
$C images --filter dangling=false --format '{{.Tag}}' $N-t
$C images --format 'table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}' $N-t
$C images --format json $N-t:1 | sed 's/"Containers":"[^"]*"//'
$C images nosuch
rc $C images a b 2>/dev/null
rc $C images --filter nonsense=1
rc $C images --filter label=nosuch -q
rc $C images --filter before=nosuch
rc $C images --filter dangling=nonsense
## tags
rc $C tag $B $N-t
rc $C tag nosuch $N-t
rc $C tag $B BAD
rc $C tag $B $N-t:bad/tag
rc $C tag $B $N-t@sha256:0000000000000000000000000000000000000000000000000000000000000000
rc $C tag $B
rc $C rmi $N-t
rc $C rmi $N-t
rc $C rmi -f $N-t
rc $C rmi
rc $C rmi BAD
$C run --name $N-use $B true
$C commit $N-use $N-im > /dev/null; $C run --name $N-u2 $N-im true; $C run -d --name $N-u3 $N-im sleep 100 > /dev/null
rc $C rmi $N-im
rc $C rmi -f $N-im
$C rm -f $N-u3 $N-u2 > /dev/null
rc $C rmi -f $N-im
## remove an image of two names
$C create --name $N-c $B true > /dev/null; $C commit $N-c $N-a > /dev/null; $C tag $N-a $N-b
id=$($C images -q $N-a)
rc $C rmi $id
rc $C rmi $N-a
$C tag $N-b $N-a
rc $C rmi -f $id | sort
## history
$C create --name $N-c $B true > /dev/null
$C commit -c 'CMD echo a long command line that has to be cut somewhere near here' $N-c $N-h > /dev/null
$C history $N-h
$C history --no-trunc --format '{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}' $N-h
$C history -q $N-h
$C history --human=false --format '{{.Size}}' $N-h | head -1
$C history --format json $N-h | head -1
rc $C history nosuch
## save and load
$C tag $B $N-s:1; $C tag $B $N-s:2
$C save $N-s:1 $N-s:2 > s.tar; $C rmi $N-s:1 $N-s:2 > /dev/null
$C load < s.tar
$C rmi $N-s:1 $N-s:2 > /dev/null
$C load -i s.tar; $C load -q -i s.tar
$C save $N-s:1 | gzip | $C load
$C save -o o.tar $N-s; tar tf o.tar | grep -c manifest.json
rc $C save nosuch
rc $C load -i nosuch.tar
echo junk | rc $C load 2>/dev/null
rc $C save
## image prune
$C image prune -f --filter label=nosuch-$N | cut -d: -f1
$C image prune -af --filter label=nosuch-$N | cut -d: -f1
rc $C image prune -f --filter nonsense=1
echo n | rc $C image prune
echo n | rc $C image prune -a
echo n | rc $C system prune | grep -v networks
echo n | rc $C system prune -a --volumes | grep -v networks
## system
$C version -f '{{.Client.Os}} {{.Client.Arch}} {{.Server.Os}}'
rc $C version -f '{{.Nosuch}}' | grep rc
$C version --format json | head -c 10
$C info -f '{{.OSType}} {{.Architecture}} {{.NCPU}} {{.CgroupDriver}} {{.CgroupVersion}} {{.LoggingDriver}} {{.KernelVersion}}'
rc $C info -f '{{.Nosuch}}' | grep rc
$C system df | head -1
$C system df | awk '{print $1}'
$C system df --format '{{.Type}}'
$C -v | cut -d' ' -f1,2
$C --version | cut -d' ' -f1,2
rc $C nosuch
rc $C image nosuch
rc $C container nosuch
rc $C --nosuch
rc $C ps --nosuch
rc $C ps -Z
rc $C rm --nosuch x
rc $C tag a
rc $C inspect
rc $C logs
rc $C logs a b
rc $C version extra
rc $C info extra
rc $C container ls --nosuch
## aliases
$C container create --name $N-x $B sleep 50 > /dev/null; $C container start $N-x; $C container ls --filter name=$N -q | wc -l
$C container ps --filter name=$N -q | wc -l; $C container list --filter name=$N -q | wc -l
$C container exec $N-x echo hi; $C container kill $N-x; $C container rm $N-x
$C image ls -q $B | wc -l; $C image list -q $B | wc -l; $C image tag $B $N-y; $C image rm $N-y; $C image history -q $B | wc -l
$C container run --rm $B echo run; $C image save $B | wc -c | grep -c '[0-9]'
