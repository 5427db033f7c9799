FROM ubuntu:14.04
MAINTAINER Somebody <somebody@example.com>

ENV DEBIAN_FRONTEND noninteractive
RUN apt-get update
RUN apt-get install -y apache2 && apt-get clean
ADD site.tar.gz /var/www/
ADD run.sh /run.sh
RUN chmod 755 /*.sh
VOLUME ["/var/log/apache2", "/etc/apache2"]
EXPOSE 80 443
ONBUILD ADD . /app
ONBUILD RUN /app/setup.sh
CMD /run.sh
