ARG CUDA=12.4.1
FROM nvidia/cuda:${CUDA}-runtime-ubuntu22.04
ARG DEBIAN_FRONTEND=noninteractive
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip | tee /tmp/log
COPY --exclude=*.ckpt --exclude=data/** . /workspace
WORKDIR /workspace
RUN --device=nvidia.com/gpu=all nvidia-smi
EXPOSE 8888 6006-6008
CMD jupyter lab --ip 0.0.0.0 --allow-root
