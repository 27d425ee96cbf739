#!/bin/sh
# The front: what the world sees. Asks the application by its name in the network.
answer=$(wget -q -O - http://app/cgi-bin/greet) || answer="the application does not answer"
printf 'Content-Type: text/plain\r\n\r\n'
printf 'front %s says: %s\n' "$(hostname)" "$answer"
