/* A board for cortex_m4f/main.c on this machine: the converter's bytes from stdin, frames to stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "board.h"

void board_start(void)
{
}

int board_read(uint8_t *byte)
{
    int c = getchar();
    if (c == EOF)
        exit(0);
    *byte = (uint8_t)c;
    return 1;
}

void board_send(const uint8_t *bytes, size_t n)
{
    fwrite(bytes, 1, n, stdout);
}

void board_rest(void)
{
}

void board_reset(void)
{
    exit(1);
}
