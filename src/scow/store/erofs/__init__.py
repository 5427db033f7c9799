"""EROFS index images (kernel: Documentation/filesystems/erofs.rst, fs/erofs/erofs_fs.h): a layer's tree whose file data
stays in the layer's tar.

``writer`` makes one from a tree, ``reader`` reads one back without mounting it. The image has 512-byte blocks, as tar
has; one further device, the tar; and no compression.
"""
