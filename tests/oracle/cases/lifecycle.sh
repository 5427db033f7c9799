## create and start
$C create --name $N-a $B sh -c 'echo hi; exit 5' | wc -c
$C ps -a --filter name=$N --format '{{.Names}}|{{.Status}}|{{.Image}}|{{.Command}}|{{.Ports}}|{{.State}}|{{.Size}}'
rc $C start -a $N-a
rc $C start $N-a
rc $C wait $N-a
rc $C start nosuch
rc $C start -a nosuch
rc $C start $N-a nosuch
rc $C wait nosuch
$C create -i --name $N-i $B cat > /dev/null
echo text | rc $C start -ai $N-i
## stop and kill
$C run -d --name $N-s --stop-signal USR1 $B sh -c 'trap "echo usr1; exit 3" USR1; trap "echo hup" HUP; while :; do sleep 0.1; done' > /dev/null
sleep 0.3
rc $C kill -s HUP $N-s; sleep 0.3
rc $C kill -s SIGHUP $N-s; sleep 0.3
rc $C kill --signal 1 $N-s; sleep 0.3
rc $C kill -s NOSUCH $N-s
rc $C kill -s 99 $N-s 2>/dev/null
rc $C stop $N-s
$C logs $N-s
$C inspect -f '{{.State.ExitCode}}' $N-s
rc $C stop $N-s
rc $C kill $N-s
rc $C kill nosuch
rc $C stop nosuch
$C run -d --name $N-k $B sleep 100 > /dev/null
rc $C stop -t 1 $N-k
$C inspect -f '{{.State.ExitCode}} {{.State.Status}}' $N-k
$C start $N-k > /dev/null
rc $C kill $N-k
$C wait $N-k
$C ps -a --filter name=$N-k --format '{{.Status}}'
## restart
$C run -d --name $N-r $B sh -c 'echo started; exec sleep 100' > /dev/null
rc $C restart -t 0 $N-r
sleep 0.3
$C logs $N-r
rc $C restart nosuch
$C inspect -f '{{.State.Running}} {{.RestartCount}}' $N-r
## pause
$C run -d --name $N-p $B sleep 100 > /dev/null
rc $C pause $N-p
rc $C pause $N-p
$C ps --filter name=$N-p --format '{{.Status}} {{.State}}'
$C inspect -f '{{.State.Status}} {{.State.Paused}} {{.State.Running}}' $N-p
rc $C exec $N-p true
rc $C rm $N-p
rc $C start $N-p
rc $C unpause $N-p
rc $C unpause $N-p
rc $C pause nosuch
$C stop -t 0 $N-p; rc $C pause $N-p
## remove
rc $C rm
rc $C rm nosuch
rc $C rm -f nosuch
$C run -d --name $N-a $B sleep 100 > /dev/null
$C create --name $N-b $B true > /dev/null
rc $C rm $N-a $N-b nosuch
rc $C rm -f $N-a $N-b
rc $C rm -f ''
## rename
$C create --name $N-a $B true > /dev/null
$C create --name $N-b $B true > /dev/null
rc $C rename $N-a $N-c
rc $C rename $N-c $N-b
rc $C rename nosuch $N-d
rc $C rename $N-c 'bad name' 2>/dev/null
rc $C rename $N-c $N-c
$C ps -a --filter name=$N --format '{{.Names}}' | sort
## exec
$C run -d --name $N-e -e A=1 -w /tmp -h hh $B sleep 100 > /dev/null
rc $C exec $N-e sh -c 'echo out; echo err >&2; exit 4'
rc $C exec -w /etc -e B=2 -u 5 $N-e sh -c 'pwd; env | sort; id'
echo text | rc $C exec -i $N-e cat
echo text | rc $C exec $N-e cat
rc $C exec -d $N-e sh -c 'echo made > /made'; sleep 0.3
$C exec $N-e cat /made
rc $C exec $N-e nosuchprogram 2>&1
rc $C exec $N-e /etc 2>&1
rc $C exec -w /nosuch $N-e true 2>&1
rc $C exec -u nobodyhere $N-e true
rc $C exec nosuch true
rc $C exec $N-e
rc $C exec -it $N-e true
$C exec -t $N-e sh -c 'tty; echo $TERM' | tr -d '\r'
$C exec $N-e grep -E 'Cap|Seccomp|NoNew|Groups' /proc/self/status
$C exec --privileged $N-e grep -E 'Cap[BIPA]' /proc/self/status
printf 'F=file\n' > e; $C exec --env-file e $N-e sh -c 'echo $F'
rc $C exec $N-e sh -c 'kill -9 $$'
$C exec $N-e sh -c 'umask; ulimit -n; cat /proc/self/cgroup | wc -l; ls /proc/self/fd | wc -l'
$C stop -t 0 $N-e > /dev/null
rc $C exec $N-e true
## logs
$C run --name $N-l $B sh -c 'for i in 1 2 3 4 5 6; do echo line $i; done; sleep 0.2; echo err >&2' > /dev/null 2>&1
$C logs $N-l 2>/dev/null
$C logs $N-l 2>&1 >/dev/null
rc $C logs --tail 2 $N-l 2>/dev/null
rc $C logs -n 0 $N-l
rc $C logs --tail all $N-l 2>/dev/null
rc $C logs --tail x $N-l 2>/dev/null
rc $C logs -t --tail 2 $N-l 2>/dev/null | sed 's/^[0-9TZ:.-]*/TIME/'
rc $C logs --tail 5 -f $N-l 2>/dev/null
rc $C logs --since 1h $N-l 2>/dev/null | wc -l
rc $C logs --until 1h $N-l 2>/dev/null | wc -l
rc $C logs --since nonsense $N-l
rc $C logs nosuch
rc $C logs --details --tail 1 $N-l
$C run -d --name $N-f $B sh -c 'for i in 1 2 3; do echo line $i; sleep 0.3; done' > /dev/null
$C logs -f $N-f
$C run --name $N-none --log-driver none $B echo hidden
rc $C logs $N-none
printf 'no newline' > x; $C run --name $N-nn $B printf 'no newline'; echo; $C logs $N-nn; echo
$C run -t --name $N-t $B echo tty | od -c; $C logs $N-t | od -c
## top
$C run -d --name $N-t $B sleep 100 > /dev/null
$C top $N-t | awk '{print $1, $NF, NF}'
$C top $N-t -o pid,comm | sed 's/[0-9]\{2,\}/N/'
rc $C top nosuch
$C stop -t 0 $N-t > /dev/null
rc $C top $N-t
## attach
$C run -d -i --name $N-a $B sh -c 'read x; echo got $x; exit 6' > /dev/null
echo word | rc $C attach $N-a > /dev/null
rc $C attach $N-a
rc $C attach nosuch
## wait for several
$C run -d --name $N-a $B sh -c 'exit 1' > /dev/null
$C run -d --name $N-b $B sh -c 'sleep 0.5; exit 2' > /dev/null
rc $C wait $N-a $N-b
rc $C wait $N-b nosuch
## removed when it ends
$C run -d --rm --name $N-g $B sleep 3 > /dev/null
rc $C wait $N-g
sleep 1
rc $C inspect $N-g
## differences
$C run --name $N-d $B sh -c 'touch /new; rm /etc/group; echo x >> /etc/passwd; mkdir /d; touch /d/f'
$C diff $N-d | sort
rc $C diff nosuch
## commit
$C run --name $N-c -e A=1 $B touch /new
$C commit -m 'a message' -a 'me <m@x>' -c 'CMD ["ls", "/new"]' -c 'ENV B=2 C=3' -c 'EXPOSE 80' -c 'LABEL l=1' -c 'USER 5' -c 'WORKDIR /w' -c 'VOLUME /v' -c 'ENTRYPOINT ["echo", "e"]' $N-c $N-img:1 | cut -c1-7
$C inspect -f '{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.ExposedPorts}} {{json .Config.Labels}} {{.Config.User}} {{.Config.WorkingDir}} {{json .Config.Volumes}} {{.Comment}} {{.Author}}' $N-img:1
rc $C run --rm $N-img:1
$C history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' $N-img:1
rc $C commit nosuch x
rc $C commit -c 'RUN x' $N-c $N-img:2
rc $C commit -c 'NOSUCH x' $N-c $N-img:2
rc $C commit $N-c BAD
## export and import
$C create --name $N-x $B true > /dev/null
$C export $N-x | tar t | grep -c bin/
$C export -o x.tar $N-x; test -s x.tar && echo exported
$C import -c 'CMD ["echo", "imported"]' -m message x.tar $N-imp:1 | cut -c1-7
$C run --rm $N-imp:1
$C history --format '{{.CreatedBy}}|{{.Comment}}' $N-imp:1
$C inspect -f '{{json .Config.Cmd}} {{.Comment}} {{.Architecture}} {{.Os}}' $N-imp:1
cat x.tar | $C import - $N-imp:2 | cut -c1-7
rc $C import nosuch.tar x
rc $C import x.tar BAD
rc $C export nosuch
$C rmi $N-imp:1 $N-imp:2 | grep -c Untagged
## container prune
$C run --name $N-a --label prune=$N $B true
$C run --name $N-b --label keep=$N --label prune=$N $B true
rc $C container prune -f --filter label=prune=$N --filter label!=keep=$N --filter until=1h
$C container prune -f --filter label=prune=$N --filter label!=keep=$N | sed 's/[0-9.]*[kMG]*B$/SIZE/'
$C ps -a --filter name=$N --format '{{.Names}}'
rc $C container prune -f --filter nonsense=1
echo n | rc $C container prune --filter label=prune=$N
