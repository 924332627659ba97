#!/bin/sh
# Fetched by the example config over HTTP, compressed, and verified by its SHA-512.
echo "${GREETING:-Hello} from $(cat /etc/hostname), provisioned from a blank disk" > /var/lib/hello/greeting
date -u +%FT%TZ >> /var/lib/hello/starts
