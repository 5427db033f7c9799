## exit codes
rc $C run --rm --network none $B sh -c 'exit 3'
rc $C run --rm --network none $B nosuchprogram
rc $C run --rm --network none $B /etc
rc $C run --rm --network none $B /etc/passwd
rc $C run --rm --network none $B sh -c 'kill -9 $$'
rc $C run --rm --network none $B sh -c 'kill -15 $$'
rc $C run --rm --network none nosuch:image true 2>&1 | tail -3
rc $C run --rm --network none --pull never nosuch:image true
rc $C run --rm --nosuchflag $B true
rc $C run
rc $C run --rm --network none BAD:image true
## entry points
$C run --rm --network none --entrypoint echo $B a b
rc $C run --rm --network none --entrypoint "" $B echo none
rc $C run --rm --network none --entrypoint "" $B
rc $C run --rm --network none --entrypoint '["echo"]' $B a
## standard input
echo hello | $C run --rm -i --network none $B cat
echo hello | $C run --rm --network none $B cat
printf 'a\nb\n' | $C run --rm -i --network none $B sh -c 'read x; echo got $x; cat'
rc $C run --rm -it --network none $B true
$C run --rm -t --network none $B sh -c 'echo tty' | od -c | head -2
## output streams
$C run --rm --network none $B sh -c 'echo out; echo err >&2' 2>/dev/null
$C run --rm --network none $B sh -c 'echo out; echo err >&2' 2>&1 >/dev/null
$C run --rm --network none -a stdout $B sh -c 'echo out; echo err >&2'
$C run --rm --network none -a stderr $B sh -c 'echo out; echo err >&2'
rc $C run --rm --network none -a nonsense $B true
rc $C run --rm --network none -d -a stdout $B true
## bind mounts
mkdir w; echo data > w/f
$C run --rm --network none -v $PWD/w:/w -w /w -u $(id -u) $B sh -c 'cat f; echo new > g'; cat w/g
$C run --rm --network none -v ./w:/w:ro $B sh -c 'cat /w/f; touch /w/x'
$C run --rm --network none -v $PWD/made:/m $B ls -ld /m | cut -c1-30; ls -d made
rc $C run --rm --network none --mount type=bind,src=$PWD/absent,dst=/m $B true
$C run --rm --network none --mount type=bind,src=$PWD/w,dst=/m,readonly $B touch /m/x
$C run --rm --network none --mount type=bind,source=$PWD/w/f,target=/f $B cat /f
rc $C run --rm --network none --mount type=bind,dst=/m $B true
rc $C run --rm --network none --mount type=nosuch,src=/a,dst=/m $B true
rc $C run --rm --network none --mount type=bind,src=/tmp $B true
rc $C run --rm --network none --mount type=bind,src=/tmp,dst=rel $B true
rc $C run --rm --network none --mount nonsense $B true
rc $C run --rm --network none --mount type=bind,nonsense=1,dst=/x $B true
rc $C run --rm --network none -v /a:/b:/c:/d $B true
rc $C run --rm --network none -v /tmp:rel $B true 2>/dev/null
rc $C run --rm --network none -v /tmp:/m:nonsense $B true
rc $C run --rm --network none -v /tmp:/ $B true 2>/dev/null
rc $C run --rm --network none -v /tmp:/m -v /tmp:/m $B true
rc $C run --rm --network none -v '' $B true
rc $C run --rm --network none -v 'a b:/m' $B true
## names
rc $C run --name $N-a --network none $B true
rc $C run --name $N-a --network none $B true
rc $C run --name 'bad name' --network none $B true
rc $C run --name -x --network none $B true
rc $C run --name a --network none $B true
## cidfile
$C run --rm --cidfile c --network none $B true; wc -c < c
rc $C run --rm --cidfile c --network none $B true
## labels
printf 'fromfile=1\n#no\nplain\n' > l
$C run -d --name $N-l --label-file l --label a=b --label c -l d= --network none $B true
$C inspect -f '{{json .Config.Labels}}' $N-l
$C ps -aq --filter label=a=b --filter name=$N | wc -l
$C ps -aq --filter label=c=x --filter name=$N | wc -l
rc $C run --rm --label =x --network none $B true
## detached
$C run -d --name $N-d --network none $B sleep 100 | wc -c
$C inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.Config.Image}} {{.Path}} {{.Args}} {{.Name}} {{.RestartCount}}' $N-d
rc $C rm $N-d
rc $C rm -f $N-d
rc $C rm -f $N-d
rc $C rm $N-d
rc $C run -d --name $N-e --network none $B nosuchprogram
$C ps -a --filter name=$N --format '{{.Names}} {{.Status}}'
$C inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}' $N-e
## out of memory
rc $C run --name $N-oom --network none --memory 16m --memory-swap 16m $B sh -c 'x=a; while :; do x=$x$x; done'
$C inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' $N-oom
## limits that cannot be
rc $C run --rm --network none --memory 1m $B true
rc $C run --rm --network none --memory-swap 100m $B true
rc $C run --rm --network none --memory 100m --memory-swap 50m $B true
rc $C run --rm --network none --cpus 1000 $B true
rc $C run --rm --network none --cpus x $B true
rc $C run --rm --network none --cpuset-cpus 99 $B true
rc $C run --rm --network none --cap-add NOSUCH $B true
rc $C run --rm --network none --security-opt nonsense $B true
## options of more kinds that cannot be
rc $C run --rm --network none --security-opt seccomp=/nosuch.json $B true
rc $C run --network none --restart sometimes --name $N-x $B true
rc $C run --network none --restart always:3 --name $N-y $B true
rc $C run --network none --restart on-failure:x $B true
rc $C run --rm --restart always --network none $B true
rc $C run --rm --network none --stop-signal NOSUCH $B true
rc $C run --rm --network none --stop-timeout x $B true
rc $C run --rm --pull sometimes $B true
rc $C run --rm --platform linux/arm64 --pull never $B true
rc $C run --rm --network none --env =x $B true
rc $C run --rm --network container:nosuch $B true 2>&1 | grep -o 'No such.*'
rc $C run --rm --network nosuch $B true 2>&1 | grep -o 'network nosuch.*'
rc $C run --rm --network none -p 80:80 $B true
rc $C run --rm --network none -p x:80 $B true
rc $C run --rm --network none -p 1:2:3:4 $B true
rc $C run --rm --network none -p 80:80/nosuch $B true
rc $C run --rm --network none --expose nosuch $B true
rc $C run --rm --network none --volumes-from nosuch $B true
rc $C run --rm --network none --tmpfs rel $B true
rc $C run --rm --network none --tmpfs /t:nonsense $B true
## processes
rc $C run --rm --network none --pids-limit 5 $B sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait' 2>&1 | grep -c fork
## read-only root
$C run --rm --network none --read-only --tmpfs /tmp -v vol$N:/v $B sh -c 'touch /x; touch /tmp/x /v/x && echo fine'
$C volume rm vol$N >/dev/null 2>&1; true
## a process as it is
$C run --rm --network none $B sh -c 'echo $0 $$; echo $PPID; cat /proc/1/cmdline | tr "\0" " "; echo; cat /proc/1/oom_score_adj'
$C run --rm --network none --oom-score-adj 100 $B cat /proc/self/oom_score_adj
## networks
$C run -d --name $N-s $B sh -c 'mkdir /w; echo page > /w/index.html; exec httpd -f -p 8080 -h /w' >/dev/null
ip=$($C inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' $N-s)
sleep 0.3
$C run --rm $B wget -qO- http://$ip:8080/
$C run --rm --network container:$N-s $B wget -qO- http://127.0.0.1:8080/
[ $($C run --rm --network container:$N-s $B hostname) = $($C exec $N-s hostname) ] && echo same name
$C run --rm --pid container:$N-s --network none $B ps | grep -c httpd
rc $C run --rm --network container:$N-s -p 80:80 $B true
rc $C run --rm --network container:$N-s --hostname x $B true
rc $C run --rm --network container:$N-s --dns 1.1.1.1 $B true
$C run --rm --network none $B ip -o addr | sed 's/  */ /g' | cut -d' ' -f2-4
$C run --rm $B ip -o -4 addr | cut -d' ' -f2-4
$C run --rm $B ip route | sed 's/ [0-9][0-9./]*/ IP/g;s/^[0-9][0-9./]*/NET/'
$C run --rm --privileged $B sh -c 'cat /sys/class/net/eth0/mtu; ip link set eth0 down && echo down'
## inspect of the network
$C run -d --name $N-n -p 127.0.0.1::80 -p 0.0.0.0::9999/udp --expose 70 $B sleep 100 > /dev/null
$C inspect -f '{{json .Config.ExposedPorts}} {{json .HostConfig.PortBindings}} {{.HostConfig.NetworkMode}} {{range $p, $c := .NetworkSettings.Ports}}{{$p}}={{len $c}} {{end}}{{.NetworkSettings.IPPrefixLen}} {{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}' $N-n
$C ps --filter name=$N-n --format '{{.Ports}}' | sed 's/:[0-9]*->/:P->/g'
$C port $N-n | sed 's/:[0-9]*$/:P/g'
$C port $N-n 80 | sed 's/:[0-9]*$/:P/g'
rc $C port $N-n 81
## restarts
$C run -d --name $N-r --restart on-failure:2 --network none $B sh -c 'exit 4' > /dev/null
$C wait $N-r > /dev/null; sleep 1.5
$C inspect -f '{{.RestartCount}} {{.State.ExitCode}} {{.State.Status}} {{json .HostConfig.RestartPolicy}}' $N-r
$C ps -a --filter name=$N-r --format '{{.Status}}'
