"""The ground: nobody else touches the kernel."""
