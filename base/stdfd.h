/*
 * A program may be started with standard input, output or error closed. The next thing it opens
 * would get that number, and every message would be written into a socket or a disk.
 */
#pragma once

/* Opens /dev/null for each of 0, 1 and 2 that is closed. First in main(); tools inherit them. */
void stdfd_occupy(void);
