# syntax=docker/dockerfile:1
FROM python:3.12
ARG NAME=world
RUN <<EOF
echo one
echo "two ${NAME}"
EOF
RUN <<-"PY" python3
	import sys
	print(sys.version)
	PY
RUN <<'SCRIPT'
#!/usr/bin/env python3
print("a script of its own")
SCRIPT
COPY <<EOF /etc/greeting
Hello ${NAME}, costs \$5, quotes "stay"
EOF
COPY <<first.txt <<"second.txt" /files/
one $NAME
first.txt
two $NAME
second.txt
RUN cat <<A > /a && cat <<B > /b
in a
A
in b
B
