"""What all HTTP front ends share: application, errors, hijack, filters, versions."""
