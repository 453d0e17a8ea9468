#include <stddef.h>
#include <linux/blkzoned.h>
#include <linux/fs.h>
