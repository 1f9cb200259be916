/* ARM's MPS2 board with a Cortex-M4F (AN386), as QEMU has it: UART 0 is the line to the host, UART 1 stands for the SPI of
 * an ADS1292R.  Start-up code and vectors as well.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CPACR REGISTER(0xE000ED88u)
#define AIRCR REGISTER(0xE000ED0Cu)
#define NVIC_ENABLE REGISTER(0xE000E100u)
#define NVIC_CLEAR REGISTER(0xE000E280u)

/* CMSDK APB UART */
typedef struct {
    volatile uint32_t data, state, ctrl, interrupt, divisor;
} uart;
#define HOST ((uart *)0x40004000u)
#define CONVERTER ((uart *)0x40005000u)
#define TX_FULL 1u
#define RX_FULL 2u
#define TX_ENABLE 1u
#define RX_ENABLE 2u
#define RX_INTERRUPT_ENABLE 8u
#define RX_INTERRUPT 2u
#define CLOCK_HZ 25000000u
#define HOST_BAUD 115200u
#define CONVERTER_INTERRUPT (1u << 2)

extern uint32_t stack_top, data_begin, data_end, data_flash, bss_begin, bss_end;

void board_start(void)
{
    HOST->divisor = CLOCK_HZ / HOST_BAUD;
    HOST->ctrl = TX_ENABLE;
    CONVERTER->divisor = 16u;
    CONVERTER->ctrl = RX_ENABLE | RX_INTERRUPT_ENABLE;
    NVIC_ENABLE = CONVERTER_INTERRUPT;
    __asm__ volatile("cpsid i"); /* pending interrupts end a sleep; there are no handlers */
}

int board_read(uint8_t *byte)
{
    if (!(CONVERTER->state & RX_FULL))
        return 0;
    CONVERTER->interrupt = RX_INTERRUPT;
    NVIC_CLEAR = CONVERTER_INTERRUPT;
    *byte = (uint8_t)CONVERTER->data;
    return 1;
}

void board_send(const uint8_t *bytes, size_t n)
{
    while (n--) {
        while (HOST->state & TX_FULL)
            ;
        HOST->data = *bytes++;
    }
}

void board_rest(void)
{
    if (!(CONVERTER->state & RX_FULL))
        __asm__ volatile("dsb\n wfi");
}

void board_reset(void)
{
    AIRCR = 0x05FA0004u;
    for (;;)
        ;
}

void begin(void);

void begin(void)
{
    uint32_t *from = &data_flash;
    for (uint32_t *to = &data_begin; to < &data_end;)
        *to++ = *from++;
    for (uint32_t *to = &bss_begin; to < &bss_end;)
        *to++ = 0;
    CPACR |= 0xFu << 20; /* the floating-point unit on */
    __asm__ volatile("dsb\n isb");
    main();
    board_reset();
}

/* Stack, start, and the faults: what goes wrong starts the chip anew, and its frames say that it has just begun. */
typedef void (*handler)(void);
static const struct {
    uint32_t *stack;
    handler entry[15];
} vectors __attribute__((section(".vectors"), used)) = {
    &stack_top, {begin, board_reset, board_reset, board_reset, board_reset, board_reset}};
