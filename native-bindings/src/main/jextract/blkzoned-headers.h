#include <stddef.h>
#include <linux/blkzoned.h>
#include <linux/fs.h>

/* Sizes and offsets of structures with arrays: the classes that jextract generates for those are slow to load. */
enum {
    ZONE_BYTES = sizeof(struct blk_zone),
    ZONE_START = offsetof(struct blk_zone, start),
    ZONE_LEN = offsetof(struct blk_zone, len),
    ZONE_WP = offsetof(struct blk_zone, wp),
    ZONE_TYPE = offsetof(struct blk_zone, type),
    ZONE_COND = offsetof(struct blk_zone, cond),
    ZONE_CAPACITY = offsetof(struct blk_zone, capacity),
    REPORT_BYTES = sizeof(struct blk_zone_report),
    REPORT_SECTOR = offsetof(struct blk_zone_report, sector),
    REPORT_NR_ZONES = offsetof(struct blk_zone_report, nr_zones),
    REPORT_FLAGS = offsetof(struct blk_zone_report, flags),
    REPORT_ZONES = offsetof(struct blk_zone_report, zones),
};
