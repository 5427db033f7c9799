FROM alpine:3.19 AS tools
ARG TARGETARCH
ARG TERRAFORM_VERSION=1.8.1 KUBECTL_VERSION=v1.30.0
WORKDIR /tools
RUN wget -q "https://releases.hashicorp.com/terraform/${TERRAFORM_VERSION}/terraform_${TERRAFORM_VERSION}_linux_${TARGETARCH}.zip" \
 && unzip -q terraform_*.zip
ADD --chmod=755 https://dl.k8s.io/release/${KUBECTL_VERSION}/bin/linux/${TARGETARCH}/kubectl kubectl
FROM alpine:3.19
COPY --from=tools /tools/terraform /tools/kubectl /usr/local/bin/
ENTRYPOINT ["/bin/sh"]
