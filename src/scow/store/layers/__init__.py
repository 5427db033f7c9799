"""Layers of images: each is kept whole, as the exact tar its diff id names, and given to overlay as a directory.

There are two forms of the same protocol (``form.Form``): ``erofs_form`` keeps the tar itself and lets the kernel mount
it through a small index; ``directory_form`` unpacks it. Which of them a machine can use is found out by ``probe``. All
that an archive may say is decided once, without touching the disk, by ``assemble``: both forms write out the tree of
``nodes`` it returns, so they can not differ in what a hostile archive means.
"""
