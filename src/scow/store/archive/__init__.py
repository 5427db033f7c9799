"""Images in files: what ``docker save`` of any age wrote, OCI layouts as directories and as tars; read and written.

files, staging             members of a tar or directory by name, never outside it; streams that cannot seek
oci_layout                 the OCI layout, as a source; as a directory also a sink
docker_archive, legacy     manifest.json (docker 1.10 on), and before that ``repositories`` with a directory per layer
reading                    ``open_archive``: whichever of these it is
writing                    ``save``: one tar that old docker, new docker, podman and skopeo can load
plain                      images with their layers uncompressed, as ``save`` gives them out
"""
