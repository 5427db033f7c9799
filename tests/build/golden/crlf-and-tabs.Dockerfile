FROM alpine
	ENV A=1	\
		B=2

RUN echo \
	# comment
	hi
COPY <<EOF /x
line
EOF
