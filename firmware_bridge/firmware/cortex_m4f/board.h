/* What main.c needs of a board: an ADS1292R, a serial line, a way to wait.  Another board is another file beside an386.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Clocks, serial line, converter at HW_FS_IN samples a second. */
void board_start(void);

/* The next bytes of the converter's frames, in order, as its SPI gives them: status (3 bytes) and both channels (3 bytes
 * each).  Returns 1 and a byte, or 0 when there is none yet.  At a beat main.c does not ask for about two million
 * instructions: the board must keep that many bytes (at 64 MHz 32 ms, four frames of 125 Hz), by DMA or an interrupt. */
int board_read(uint8_t *byte);

/* Sends bytes to the host; returns when they are on their way. */
void board_send(const uint8_t *bytes, size_t n);

/* Sleeps until there may be something to read. */
void board_rest(void);

/* Starts the chip anew; never returns. */
void board_reset(void);

int main(void);

#endif
