# shellcheck shell=bash
# Zone reports by ioctl: the device's own, and the kernel's from its cache.

# Needs neither a guest nor a device: scripts/test --modules runs it too.
understands_every_blkzone() {
    local parsed
    # As util-linux 2.38 prints them, with a write pointer of all ones at the end, and as 2.42 does.
    parsed=$(parse_blkzone <<'LINES'
  start: 0x000000000, len 0x008000, cap 0x008000, wptr 0x000000 reset:0 non-seq:0, zcond: 0(nw) [type: 1(CONVENTIONAL)]
  start: 0x000008000, len 0x008000, cap 0x006000, wptr 0x000000 reset:0 non-seq:0, zcond: 1(em) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000010000, len 0x008000, cap 0x006000, wptr 0x000088 reset:0 non-seq:0, zcond: 4(cl) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000018000, len 0x008000, cap 0x006000, wptr 0x008000 reset:0 non-seq:0, zcond:14(fu) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000020000, len 0x008000, cap 0x006000, wptr 0xfffffffffffdffff reset:0 non-seq:0, zcond:13(ro) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000000000, len 0x008000, cap 0x008000, wptr N/A reset:0 non-seq:0, zcond: 0(nw) [type: 1(CONVENTIONAL)]
  start: 0x000008000, len 0x008000, cap 0x006000, wptr 0x000000 reset:0 non-seq:0, zcond: 1(em) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000010000, len 0x008000, cap 0x006000, wptr 0x000088 reset:0 non-seq:0, zcond: 2(oi) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000018000, len 0x008000, cap 0x006000, wptr N/A reset:0 non-seq:0, zcond:14(fu) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000020000, len 0x008000, cap 0x006000, wptr N/A reset:0 non-seq:0, zcond:15(of) [type: 2(SEQ_WRITE_REQUIRED)]
LINES
    )
    expect_equal "what is understood" "$parsed" "\
0 0 16777216 - not-wp
1 16777216 12582912 0 empty
2 33554432 12582912 69632 closed
3 50331648 12582912 16777216 full
4 67108864 12582912 - read-only
5 0 16777216 - not-wp
6 16777216 12582912 0 empty
7 33554432 12582912 69632 implicit-open
8 50331648 12582912 16777216 full
9 67108864 12582912 - offline"
}
