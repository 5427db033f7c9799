"""What an image is: values and their documents, and the verbs that need nothing but them.

digest, reference, platform, descriptor            names and pointers
manifest, config, spec                             the documents; their raw bytes are the truth
protocols                                          Source, Sink, Content: where documents and blobs lie
image, copy, validate, memory                      verbs over the protocols

Import from the module (``from scow.oci.digest import Digest``): nothing is imported here, start-up is a feature.
"""
