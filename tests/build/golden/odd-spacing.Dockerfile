   FROM    busybox   AS    Odd


# detached

	run     echo   "  keep  these  "   \
   # inside
      &&   true
copy	a	b	/c/
LABEL   spaced=no   "key with space"='v'
ENV  old style   value with  spaces
EXPOSE 80    81
