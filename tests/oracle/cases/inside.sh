## status of the first process
$C run --rm --network none $B grep -E 'Cap|Seccomp|NoNew|Uid|Gid|Groups|SigBlk|SigIgn|SigCgt|Speculation' /proc/self/status
## status as a user
$C run --rm --network none -u 1000:1000 $B grep -E 'Cap|Seccomp|NoNew|Uid|Gid|Groups' /proc/self/status
## status with no capabilities and no new privileges
$C run --rm --network none --cap-drop ALL --security-opt no-new-privileges $B grep -E 'Cap|Seccomp|NoNew' /proc/self/status
## status with some capabilities
$C run --rm --network none --cap-drop ALL --cap-add NET_ADMIN --cap-add cap_sys_time $B grep -E 'Cap' /proc/self/status
## status when privileged
$C run --rm --network none --privileged $B grep -E 'Cap[BIPA]|Seccomp|NoNew' /proc/self/status
## status with seccomp unconfined
$C run --rm --network none --security-opt seccomp=unconfined $B grep -E 'Seccomp|NoNew' /proc/self/status
## status with all capabilities
$C run --rm --network none --cap-add ALL --cap-drop SYS_ADMIN $B grep -E 'Cap[BIPA]' /proc/self/status
## mounts
# (scow masks with empty file systems of stricter options, and mounts only the cgroup hierarchies that limit something)
$C run --rm --network none $B sh -c 'cut -d" " -f2,3,4 /proc/mounts | grep -v "^/sys/fs/cgroup" | sed "s/,inode64//;s/^\(.*\) overlay .*/\1 overlay/;s/^\(\/etc\/[a-z.]* \).*/\1/;s/^\(\/proc\/[a-z_]*\|\/sys\/firmware\) [a-z]*tmpfs.*/\1 masked/"' | sort
$C run --rm --network none $B sh -c 'grep " /sys/fs/cgroup/memory " /proc/mounts' | cut -d' ' -f2-4
## mounts of a read-only container
$C run --rm --network none --read-only --tmpfs /t $B sh -c 'cut -d" " -f2,3,4 /proc/mounts | grep -vE " (overlay|ext4) |cgroup" | sed "s/,inode64//;s/^\(\/proc\/[a-z_]*\|\/sys\/firmware\) [a-z]*tmpfs.*/\1 masked/"; touch /x /t/x /dev/shm/x /tmp/y; ls /t'
## mounts of a privileged container
$C run --rm --network none --privileged $B sh -c 'cut -d" " -f2,3,4 /proc/mounts | grep -vE " (overlay|ext4) |cgroup" | sed "s/,inode64//"'
## tmpfs options
$C run --rm --network none --tmpfs /a --tmpfs /b:size=1m,mode=700,exec --mount type=tmpfs,dst=/c,tmpfs-size=2m,tmpfs-mode=1770 $B sh -c 'grep -E " /(a|b|c) " /proc/mounts | sed "s/,inode64//" | sort; ls -ld /a /b /c | cut -c1-10'
## environment
$C run --rm --network none --hostname h1 -e A=1 -e B= -e HOME=/x $B env | sort
$C run --rm --network none --hostname h1 -t $B env | tr -d '\r' | sort
$C run --rm --network none --hostname h1 -u 1234 $B env | sort
A=outer $C run --rm --network none --hostname h1 -e A -e NOTSET -u daemon $D env | sort
## environment file
printf '# comment\nA=1\n\n  B=two words  \nC2\nD="quoted"\nE=a=b\n\tF=tab\r\n#G=1\nUNSETVAR\n' > e
C2=1 $C run --rm --network none --hostname h1 --env-file e -e A=2 $B env | sort | cat -v
printf 'A B=1\n' > bad; rc $C run --rm --env-file bad $B true
printf '=x\n' > bad; rc $C run --rm --env-file bad $B true
rc $C run --rm --env-file nothere $B true
## working directory
$C run --rm --network none -w /made/by/run $B sh -c 'pwd; ls -ld /made/by /made/by/run | cut -c1-30'
rc $C run --rm --network none -w relative $B pwd
$C run --rm --network none -w /tmp -u 5 $B sh -c 'pwd; id'
## users and groups
$C run --rm --network none -u daemon $D id
$C run --rm --network none -u 5 $D id
$C run --rm --network none -u 4242 $D id
$C run --rm --network none -u 4242:33 $D id
$C run --rm --network none -u daemon:www-data --group-add audio --group-add 999 $D id
$C run --rm --network none -u :33 $D id
$C run --rm --network none $D id
rc $C run --rm --network none -u nobodyhere $D id
rc $C run --rm --network none -u 0:nogrouphere $D id
rc $C run --rm --network none --group-add nogrouphere $D id
## umask, limits, file descriptors
$C run --rm --network none $B sh -c 'umask; ls /proc/self/fd; ulimit -c; ulimit -s; ulimit -u; ulimit -n; ulimit -l'
$C run --rm --network none --ulimit nofile=100:200 --ulimit core=0 --ulimit nproc=50 $B sh -c 'ulimit -n; ulimit -Hn; ulimit -c; ulimit -u'
rc $C run --rm --network none --ulimit nofile=200:100 $B true
rc $C run --rm --network none --ulimit nosuch=1 $B true
rc $C run --rm --network none --ulimit nofile $B true
## devices
$C run --rm --network none $B sh -c 'ls -lR /dev | grep -v ^total | cut -c1-40 | sort'
$C run --rm --network none -t $B sh -c 'tty; ls -l /dev/console /dev/ptmx /dev/pts | cut -c1-40; stty -a | head -1' | tr -d '\r'
$C run --rm --network none --device /dev/null:/dev/mynull:r $B sh -c 'ls -l /dev/mynull | cut -c1-40; cat /dev/mynull; echo x > /dev/mynull; echo $?'
rc $C run --rm --network none --device /dev/nothere $B true 2>&1 | grep -v rc=
## view of cgroups
# (docker shares the host's cgroup namespace where cgroups are v1)
$C run --rm --network none --cgroupns private $B sh -c 'cat /proc/self/cgroup | cut -d: -f2- | sort; touch /sys/fs/cgroup/memory/x 2>&1'
$C run --rm --network none --memory 64m --cpus 0.5 --pids-limit 20 --cpu-shares 512 --cpuset-cpus 0 $B sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares pids/pids.max cpuset/cpuset.cpus'
## files of the network
$C run --rm --hostname h1 --network none $B sh -c 'cat /etc/hosts /etc/hostname; hostname; ls -l /etc/hosts /etc/hostname /etc/resolv.conf | cut -c1-30'
$C run --rm --hostname h1.dom.ain --add-host a:1.2.3.4 --add-host b=1.2.3.5 --add-host gw:host-gateway $B sh -c 'cat /etc/hosts; hostname; hostname -f; cat /etc/hostname; ls -l /etc/hosts | cut -c1-30'
$C run --rm --hostname h1 --domainname dom $B sh -c 'cat /etc/hosts; hostname; dnsdomainname; cat /etc/hostname'
# (scow writes no comments about where the words come from)
$C run --rm --dns 9.9.9.9 --dns-search example.com --dns-option ndots:3 $B grep '^[a-z]' /etc/resolv.conf
$C run --rm $B grep '^[a-z]' /etc/resolv.conf
$C run --rm --network none $B grep '^[a-z]' /etc/resolv.conf
$C run --rm --network host $B sh -c '[ $(hostname) = '$(hostname)' ] && echo same'
rc $C run --rm --dns nonsense $B true
rc $C run --rm --add-host nonsense $B true
rc $C run --rm --add-host a:b:c:d $B true
## system controls
$C run --rm $B sh -c 'cd /proc/sys; cat net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range net/ipv4/ip_forward kernel/shmmax net/core/somaxconn'
$C run --rm --sysctl net.core.somaxconn=77 --sysctl kernel.msgmax=9000 $B cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax
rc $C run --rm --network none --sysctl kernel.panic=1 $B true
rc $C run --rm --network none --sysctl nonsense $B true
$C run --rm --network host --sysctl net.core.somaxconn=77 $B true 2>&1 | grep -o 'sysctl .*'
## masked and read-only paths
$C run --rm --network none $B sh -c 'for f in /proc/kcore /proc/keys /proc/timer_list /proc/acpi /proc/scsi /proc/asound /sys/firmware /proc/interrupts /proc/latency_stats; do [ -e $f ] && { [ -d $f ] && ls $f | wc -l || wc -c < $f | head -1; }; done; echo 1 > /proc/sys/kernel/panic; echo b > /proc/sysrq-trigger; touch /sys/x; ls /proc/1/root | head -3'
## namespaces shared with the host
[ "$(readlink /proc/self/ns/pid)" = "$($C run --rm --pid host --network none $B readlink /proc/self/ns/pid)" ] && echo pid
[ "$(readlink /proc/self/ns/ipc)" = "$($C run --rm --ipc host --network none $B readlink /proc/self/ns/ipc)" ] && echo ipc
[ "$(readlink /proc/self/ns/uts)" = "$($C run --rm --uts host --network none $B readlink /proc/self/ns/uts)" ] && echo uts
[ "$(readlink /proc/self/ns/cgroup)" = "$($C run --rm --cgroupns host --network none $B readlink /proc/self/ns/cgroup)" ] && echo cgroup
[ "$(readlink /proc/self/ns/pid)" = "$($C run --rm --network none $B readlink /proc/self/ns/pid)" ] || echo own
rc $C run --rm --network none --pid nonsense $B true
rc $C run --rm --network none --ipc nonsense $B true
rc $C run --rm --network none --ipc private --shm-size 1m $B sh -c 'df -k /dev/shm | tail -1'
rc $C run --rm --network none --ipc none $B grep shm /proc/mounts
rc $C run --rm --network none --userns host $B true
rc $C run --rm --network none --uts nonsense $B true
## init process
$C run --rm --network none --init $B sh -c 'echo $(($$ > 1)); sleep 0.1 & exec sleep 0.2'
rc $C run --rm --network none --init $B sh -c 'exit 7'
$C run --rm --network none $B sh -c 'echo $$; cat /proc/1/comm; readlink /proc/1/exe'
