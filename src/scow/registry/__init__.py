"""The client of registries: the distribution protocol (OCI distribution-spec 1.1, docker's Registry HTTP API V2).

settings, endpoint, tls, proxy              which server a name means, and how it may be reached
connection, transport                       HTTP/1.1 over kept connections: one exchange at a time, redirects
challenge, auth, tokens                     who we are to a registry
credentials, dockerconfig, helpers, login   docker's config.json and the docker-credential protocol
failures                                    a registry's refusals as our errors, in docker's words
client                                      a request that is authorised, repeated and judged
repository, download, upload                Source and Sink over one repository; both directions resume

Import from the module; nothing is imported here.
"""
