/* heartwire native frames, version 1.  This header is the definition; wire.py must agree with it.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * On the wire:   COBS( content )  0x00
 *
 * 0x00 never occurs inside a frame, so a receiver that lost its place waits for the next 0x00.  Content is at
 * most 254 bytes: then COBS costs exactly one byte in front.  Send one 0x00 before the first frame.
 *
 * The first byte of the content is its kind: version in the high nibble, what it is in the low one.  Its last two
 * are the CRC: CRC-16/CCITT-FALSE (poly 0x1021, init 0xFFFF, not reflected, no final xor) of all bytes before it,
 * HIGH byte first, so that the CRC over the whole content is 0.
 *
 * Versions: COBS, the version's place, the CRC and the hello frame stay what they are in every version, so that
 * each side can say which one the other speaks.  A kind may be added to a version; a receiver counts kinds that it
 * does not know and goes on.  What a kind says is never changed within a version.
 *
 * SAMPLES, everything little-endian but the CRC:
 *
 *   off  size  field
 *     0     1  kind       0x11: version 1 (high nibble), samples (low nibble)
 *     1     1  flags      bit 0 BOOT     set in the frames of the first second after power-up
 *                         bit 1 CLIPPED  a sample of this frame met a rail
 *                         bit 2 PACE     a pacing pulse was seen in this frame
 *                         bits 3-7       0; a receiver ignores them
 *     2     2  seq        number of the first sample since power-up, mod 65536: it counts samples, not frames
 *     4     4  t_us       device time of the first sample in us, mod 2^32 (Arduino: micros())
 *     8     4  fs_mhz     samples per second and lead, in mHz (360 Hz is 360000); 1 Hz to 20 kHz
 *    12     2  scale_nv   nV per unit of a sample; 1 to 65535
 *    14     1  n_leads    1 to 8
 *    15     1  n_samples  samples of each lead in this frame, 1 or more
 *    16     1  lead_off   bit k: the electrode of lead k is off; higher bits 0
 *    17     L  leads      one code for each of the L = n_leads leads, HW_LEAD_* below
 *  17+L   2LN  samples    int16, sample by sample: lead 0, lead 1, ... of sample 0, then of sample 1, ...
 *                         -32768 means: no value
 *     .     2  crc
 *
 * One sample of one lead is 22 bytes of content, 24 on the wire: 360 Hz needs 8640 of the 11520 bytes a second
 * of 115200 baud.  Ten samples a frame need 42 bytes.
 *
 *   11 00 2a00 40e20100 407e0500 e803 01 01 00  02  7b00  11bf   content of: sample 42 at 0.123456 s, 360 Hz,
 *                                                                 1 uV per unit, lead II, 123 uV
 *
 * BEAT, an R-peak that the firmware itself has found, and what it takes it for.  Sent after the samples that decided it,
 * at most 32767 samples after its own; as often as it is answered, the last time FINAL:
 *
 *   off  size  field
 *     0     1  kind       0x12
 *     1     1  flags      as above, and bit 3 FINAL: the next beat has been seen, or none will come
 *     2     2  seq        number of the sample at the R-peak, counted as in SAMPLES; what says which beat it is
 *     4     4  t_us       device time of that sample
 *     8     1  lead       HW_LEAD_*
 *     9     1  aami       'N' 'S' 'V' 'F' or 'Q'
 *    10     2  amp_uv     int16: the filtered lead at the R-peak, uV
 *    12    10  probs      of N S V F Q, in 1/65535
 *    22     2  crc
 *
 * HELLO, who sends; at power-up and every few seconds, the same in every version:
 *
 *   off  size  field
 *     0     1  kind       0x1F; of version 2 it would be 0x2F
 *     1     1  flags      as above
 *     2     N  firmware   1 to 64 bytes, printable ASCII: name and version, "heartwire-uno 1"
 *   2+N     2  crc
 *
 * hw_frame.c builds them on any little- or big-endian machine, without a heap.
 */
#ifndef HEARTWIRE_PROTOCOL_H
#define HEARTWIRE_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HW_VERSION 1
#define HW_KIND_SAMPLES 0x11
#define HW_KIND_BEAT 0x12
#define HW_KIND_HELLO 0x1F
#define HW_FLAG_BOOT 0x01
#define HW_FLAG_CLIPPED 0x02
#define HW_FLAG_PACE 0x04
#define HW_FLAG_FINAL 0x08

#define HW_OFFSET_KIND 0
#define HW_OFFSET_FLAGS 1
#define HW_OFFSET_SEQ 2
#define HW_OFFSET_T_US 4
#define HW_OFFSET_FS_MHZ 8
#define HW_OFFSET_SCALE_NV 12
#define HW_OFFSET_N_LEADS 14
#define HW_OFFSET_N_SAMPLES 15
#define HW_OFFSET_LEAD_OFF 16
#define HW_HEADER_SIZE 17
#define HW_BEAT_SIZE 22
#define HW_BEAT_OFFSET_LEAD 8
#define HW_BEAT_OFFSET_AAMI 9
#define HW_BEAT_OFFSET_AMP_UV 10
#define HW_BEAT_OFFSET_PROBS 12
#define HW_N_AAMI 5
#define HW_HELLO_OFFSET_FIRMWARE 2
#define HW_MAX_FIRMWARE 64
#define HW_CRC_SIZE 2
#define HW_CRC_POLY 0x1021
#define HW_CRC_INIT 0xFFFF
#define HW_MAX_CONTENT 254
#define HW_MAX_LEADS 8
#define HW_FS_MIN_MHZ 1000
#define HW_FS_MAX_MHZ 20000000
#define HW_NO_VALUE (-32768)

#define HW_LEAD_ECG 0 /* not known */
#define HW_LEAD_I 1
#define HW_LEAD_II 2
#define HW_LEAD_III 3
#define HW_LEAD_AVR 4
#define HW_LEAD_AVL 5
#define HW_LEAD_AVF 6
#define HW_LEAD_V1 7
#define HW_LEAD_V2 8
#define HW_LEAD_V3 9
#define HW_LEAD_V4 10
#define HW_LEAD_V5 11
#define HW_LEAD_V6 12
#define HW_LEAD_MLII 13 /* modified II, electrodes on the chest */
#define HW_LEAD_MLIII 14
#define HW_LEAD_MCL1 15

/* What stays the same from frame to frame. */
typedef struct {
    uint32_t fs_mhz;
    uint16_t scale_nv;
    uint8_t n_leads;
    uint8_t leads[HW_MAX_LEADS];
} hw_stream;

/* A beat. */
typedef struct {
    uint16_t seq;
    uint32_t t_us;
    uint8_t lead;
    uint8_t aami;
    int16_t amp_uv;
    uint16_t probs[HW_N_AAMI];
} hw_beat;

uint16_t hw_crc16(const uint8_t *data, size_t n);

/* All three write the bytes to send, the closing 0x00 among them, and return how many; 0 when what is given does not
 * fit into a frame.  `out` needs HW_MAX_CONTENT + 2 bytes. */
size_t hw_samples_frame(uint8_t *out, const hw_stream *s, uint8_t flags, uint16_t seq, uint32_t t_us,
                        uint8_t lead_off, const int16_t *samples, uint8_t n_samples);
size_t hw_beat_frame(uint8_t *out, uint8_t flags, const hw_beat *beat);
size_t hw_hello_frame(uint8_t *out, uint8_t flags, const char *firmware);

#ifdef __cplusplus
}
#endif

#endif
