/* For _IOWR, which ublk_cmd.h leaves to its users. */
#include <linux/ioctl.h>
#include <linux/ublk_cmd.h>
#include <stddef.h>

/* Sizes and offsets of structures with arrays: the classes that jextract generates for those are slow to load. */
enum {
    CTRL_CMD_DEV_ID = offsetof(struct ublksrv_ctrl_cmd, dev_id),
    CTRL_CMD_QUEUE_ID = offsetof(struct ublksrv_ctrl_cmd, queue_id),
    CTRL_CMD_LEN = offsetof(struct ublksrv_ctrl_cmd, len),
    CTRL_CMD_ADDR = offsetof(struct ublksrv_ctrl_cmd, addr),
    CTRL_CMD_DATA = offsetof(struct ublksrv_ctrl_cmd, data),
    CTRL_CMD_DEV_PATH_LEN = offsetof(struct ublksrv_ctrl_cmd, dev_path_len),
    PARAMS_BYTES = sizeof(struct ublk_params),
    PARAMS_LEN = offsetof(struct ublk_params, len),
    PARAMS_TYPES = offsetof(struct ublk_params, types),
    PARAMS_BASIC = offsetof(struct ublk_params, basic),
    PARAMS_ZONED = offsetof(struct ublk_params, zoned),
    ZONED_MAX_OPEN_ZONES = offsetof(struct ublk_param_zoned, max_open_zones),
    ZONED_MAX_ACTIVE_ZONES = offsetof(struct ublk_param_zoned, max_active_zones),
    ZONED_MAX_ZONE_APPEND_SECTORS = offsetof(struct ublk_param_zoned, max_zone_append_sectors),
};
