"""Process entry: ``python -I -m maf_vdev.executor --socket-fd 3 ...``, started by the client in the application."""

from maf_vdev.executor.server import main

main()
