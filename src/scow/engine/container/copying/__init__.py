"""``cp``: files between a container and the host, by docker's rules.

    copy        copy_out and copy_in: what goes where
    places      docker's path rules, pure: trailing slashes, ``/.``, new names
    local       the host's paths: what is copied, and where to
    session     the child that works in the container's root, as seen from here
    view        how that child gets there: the root and the volumes of the container, nothing else
    inside      what it does there: look, pack, unpack
    pack        a tree of files to a tar
    unpack      a tar to files, below one directory

No path of a container is ever resolved by this process (CVE-2018-15664: a link swapped between check and use would
lead it to the host). A forked child enters the container's root for good and speaks tar over a pipe; it has loaded all
it needs before, and can load nothing there (CVE-2019-14271).
"""
