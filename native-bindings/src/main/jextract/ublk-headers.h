/* For _IOWR, which ublk_cmd.h leaves to its users. */
#include <linux/ioctl.h>
#include <linux/ublk_cmd.h>
