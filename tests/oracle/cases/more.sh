## a terminal
python3 -c '
import os, pty, sys, fcntl, termios, struct
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
out = b""
try:
    while chunk := os.read(fd, 4096): out += chunk
except OSError: pass
print(out.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
' $C run --rm -it --network none $B sh -c 'sleep 0.5; stty size; tty; echo $TERM; exit 3'
## a terminal of exec
$C run -d --name $N-e --network none $B sleep 100 > /dev/null
python3 -c '
import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
os.write(fd, b"echo $((1+1))x; exit 4\n")
out = b""
try:
    while chunk := os.read(fd, 4096): out += chunk
except OSError: pass
print("2x" in out.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
' $C exec -it $N-e sh
## detach keys
python3 -c '
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
time.sleep(1); os.write(fd, b"\x10"); time.sleep(.1); os.write(fd, b"\x11")
out = b""
try:
    while chunk := os.read(fd, 4096): out += chunk
except OSError: pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
' $C run -it --name $N-d --network none $B sh
$C inspect -f '{{.State.Running}}' $N-d
## signals to the client
: > out
$C run --name $N-s --network none $B sh -c 'trap "echo term; exit 9" TERM; trap "echo int; exit 8" INT; echo ready; while :; do sleep 0.1; done' > out & pid=$!
while ! grep -q ready out; do sleep 0.1; done; kill -TERM $pid; wait $pid; echo $?; cat out
## many lines
$C run --rm --network none $B seq 20000 | md5sum
$C run --rm --network none -i $B md5sum < /opt/peers/images/busybox.tar
$C run --name $N-b --network none $B seq 20000 | tail -1; $C logs $N-b | md5sum
## a reader that goes away
$C run --rm --network none $B seq 200000 2>/dev/null | head -1
## volumes
$C run --rm -v $N-v:/v --network none $B sh -c 'echo kept > /v/f; ls -ld /v | cut -c1-10'
$C run --rm -v $N-v:/v:ro --network none $B sh -c 'cat /v/f; touch /v/x'
$C run --rm --mount type=volume,src=$N-v,dst=/v --network none $B cat /v/f
$C run --name $N-a -v /anon --network none $B touch /anon/x
$C inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{len .Name}} {{.RW}}{{end}}' $N-a
$C run --rm --volumes-from $N-a --network none $B ls /anon
$C run --rm --volumes-from $N-a:ro --network none $B touch /anon/y
$C run --rm -v $N-c:/etc --network none $B ls /etc/group /etc/passwd
$C rm -v $N-a
$C volume rm $N-v $N-c > /dev/null 2>&1; true
## images with words of their own
cat > Dockerfile <<X
FROM busybox:local
ENV A=1 B="two words"
LABEL l=v
WORKDIR /work/here
USER 5:6
EXPOSE 80/tcp 90/udp
VOLUME /data
STOPSIGNAL SIGUSR1
ENTRYPOINT ["sh", "-c", "echo entry \$0 \$@; pwd; id; env | sort"]
CMD ["a", "b"]
X
$C build -q -t $N-img . > /dev/null 2>&1
$C run --rm --network none -h h $N-img
$C run --rm --network none -h h $N-img c
$C run --rm --network none --entrypoint echo $N-img c
$C run --rm --network none --entrypoint pwd $N-img
$C run --rm --network none -e A -e B= -h h --entrypoint env $N-img | sort
$C create --name $N-c $N-img > /dev/null
$C inspect -f '{{json .Config.Labels}} {{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{.Config.StopSignal}} {{.Config.WorkingDir}} {{.Config.User}} {{.Path}} {{json .Args}} {{len .Mounts}}' $N-c
$C ps -a --filter name=$N-c --format '{{.Labels}} {{.Ports}} {{.Image}}'
$C ps -aq --filter label=l=v --filter name=$N | wc -l
$C history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' $N-img | head -9
## a user made by the image
cat > Dockerfile <<X
FROM debian:local
RUN useradd -m -u 1500 -G audio,video -s /bin/bash app && mkdir /srv/app && chown app /srv/app
USER app
WORKDIR /srv/app
X
$C build -q -t $N-user . > /dev/null 2>&1
$C run --rm --network none $N-user sh -c 'id; pwd; echo $HOME; touch f && ls -l f | cut -d" " -f3,4'
$C run --rm --network none -u root $N-user sh -c 'id; echo $HOME'
$C run --rm --network none -u app:video $N-user id
$C run -d --name $N-u --network none $N-user sleep 100 > /dev/null
$C exec $N-u sh -c 'id; echo $HOME; pwd'
$C exec -u 0 $N-u sh -c 'id; echo $HOME'
$C exec -u nobody $N-u sh -c 'id; echo $HOME'
## ports
$C run -d --name $N-p -p 127.0.0.1::8080 $B sh -c 'mkdir /w; echo page > /w/index.html; exec httpd -f -p 8080 -h /w' > /dev/null
sleep 0.5
$C port $N-p 8080 | grep -c '127.0.0.1:[0-9]'
$C inspect -f '{{(index (index .NetworkSettings.Ports "8080/tcp") 0).HostIp}}' $N-p
$C run -d --name $N-q -p $($C port $N-p 8080):8080 $B sleep 10 2>&1 | grep -c 'already allocated'
## restart policies
$C run -d --name $N-a --restart always --network none $B sh -c 'sleep 0.2; exit 1' > /dev/null
sleep 1.5; [ $($C inspect -f '{{.RestartCount}}' $N-a) -ge 1 ] && echo restarted
$C ps --filter name=$N-a --format '{{.Names}}'
rc $C stop -t 0 $N-a
$C inspect -f '{{.State.Running}} {{.State.Restarting}} {{.HostConfig.RestartPolicy.Name}}' $N-a
$C run -d --name $N-u --restart unless-stopped --network none $B true > /dev/null; sleep 0.3; rc $C rm -f $N-u
## empty names
rc $C stop ''
rc $C kill '' 2>&1 | grep -o 'invalid .*'
rc $C start ''
rc $C exec '' true
rc $C logs ''
rc $C run --rm ''
rc $C run --rm --name '' --network none $B true
## names and ids
id=$($C create --name $N-n $B true)
$C inspect -f '{{.Name}}' $id
$C inspect -f '{{.Name}}' $(echo $id | cut -c1-5)
$C inspect -f '{{.Name}}' /$N-n
[ $($C inspect -f '{{.Id}}' $N-n) = $id ] && echo same
rc $C rm $(echo $id | cut -c1-8) | wc -l
## cut off
rc $C ps --format
rc $C run -e
rc $C run --name
rc $C logs --tail
rc $C stop -t
rc $C stop -t x y
rc $C ps -n x
rc $C images --no-trunc=maybe
rc $C run --rm=maybe $B true
## flags as people write them
$C run --rm --network none -e PATH=/x $B /bin/echo hi
rc $C run --rm --network none -e PATH=/x $B echo hi
$C run --rm --network none --env-file /dev/null $B true; echo $?
$C run --rm --network none -v $PWD:/w -w /w -u $(id -u):$(id -g) $B sh -c 'touch made; ls -n made | cut -c1-20'
$C run --rm --network none --tmpfs /run:rw,noexec,nosuid,size=65536k $B df -k /run | tail -1
$C run --rm --network none --security-opt=no-new-privileges:true $B grep NoNew /proc/self/status
$C run --rm --network none --cap-add=ALL --cap-drop=NET_RAW $B true; echo $?
$C run --rm --network none --log-opt max-size=1m --log-opt max-file=2 $B echo logged
$C run --rm --network none -h ${N}h -- $B hostname
$C run --rm --network=none --name=$N-eq --hostname=x -it=false $B hostname
$C run --rm --net none $B true; echo $?
$C run -itd --name $N-itd --network none $B > /dev/null; $C exec $N-itd echo in; $C inspect -f '{{.Config.Tty}} {{.Config.OpenStdin}} {{.State.Running}}' $N-itd
$C run --rm -v /etc/hostname:/h:ro --network none $B sh -c 'test -s /h && echo ok; echo x > /h'
$C run --rm --network none $B sh -c 'mount -t tmpfs x /mnt; chroot / true && echo chroot; ping -c1 127.0.0.1 >/dev/null && echo ping; date -s 2000-01-01 2>&1 | head -1; mknod /tmp/n c 1 3 && echo mknod; cat /tmp/n; unshare -n true'
$C run --rm --network none --privileged $B sh -c 'mkdir -p /mnt; mount -t tmpfs x /mnt && echo mounted; ls /dev | grep -c .  | awk "{print (\$1 > 15)}"'
$C run --rm --network none $B sh -c 'ps | wc -l; cat /proc/sys/kernel/hostname | wc -c; nproc; free | head -1 | wc -w; df / | wc -l'
$C run --rm --network none --cpuset-cpus 0 $B nproc
$C run --rm --network none $B sh -c 'trap "" TERM; kill -TERM 1; echo alive'
## a terminal in the background
$C run -itd --name $N-itd --network none $B > /dev/null
$C ps -a --filter name=$N --no-trunc --format '{{.Command}} {{.Mounts}} {{.Networks}}'
$C container ls -a --filter name=$N --format '{{.Names}}'
$C inspect $N-itd --format '{{.State.Status}}'
$C inspect $N-itd --format='{{.Config.Cmd}}'
$C image inspect $B --format '{{.Id}} {{.RepoTags}} {{.Os}}/{{.Architecture}} {{len .RootFS.Layers}} {{.Config.Cmd}} {{.Config.Env}}'
$C inspect --format '{{json .State}}' $N-itd | tr ',' '\n' | cut -d: -f1
$C inspect --format '{{json .NetworkSettings}}' $N-itd | tr ',' '\n' | cut -d: -f1 | tr -d '{}"'
$C inspect --format '{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{$v.IPAddress}}{{end}}' $N-itd
$C inspect --format '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.LogConfig.Type}} {{.HostConfig.AutoRemove}} {{.HostConfig.Privileged}} {{.HostConfig.ShmSize}}' $N-itd
$C kill $N-itd > /dev/null; $C inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}|{{.State.Dead}}' $N-itd
$C system info -f '{{.OSType}}'; $C system df --format json | wc -l
## help
$C help run | head -3; $C run --help | head -3; $C help container ls | head -3
$C image --help | head -3; $C image 2>&1 | head -3; $C image 2>/dev/null; $C 2>/dev/null
rc $C help nosuch
rc $C help image nosuch
## time of the output
$C run -d --name $N-t --network none $B sh -c 'echo a; sleep 3; echo b; sleep 100' > /dev/null; sleep 0.6
$C logs $N-t; timeout 4 $C logs -f $N-t; echo $?
$C logs --since 0.1s $N-t; $C logs --until 2020-01-01T00:00:00Z $N-t; $C logs -n 1 -t $N-t | grep -cE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z b$'
$C stop -t 0 $N-t; $C ps -a --filter name=$N-t --format '{{.Status}}'
