"""The routing middleware in front of engines that take no middleware: a small streaming reverse proxy."""
