/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ram_disk: a disk in memory: a block backend, the smallest useful plugin. The vdisk library makes a SCSI disk of it.
 *
 * Threads: read() and write() come from several reactors at once, hence the lock; it is held for a memcpy only, so the
 * functions may call themselves non-blocking. README.md tells what to try.
 */
#define _POSIX_C_SOURCE 200809L

#include <scst/block.h>
#include <scst/plugin.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ram_disk {
    pthread_rwlock_t lock; /* guards the bytes */
    uint8_t *bytes;
};

static int32_t ram_open(void *self, const struct scst_block_open *request, void **medium, struct scst_block_info *info,
                        struct scst_error *error) {
    struct ram_disk *disk = calloc(1, sizeof *disk);
    (void)self;
    (void)error; /* strerror(ENOMEM) says it all */
    if (disk == NULL)
        return -ENOMEM;
    disk->bytes = calloc(1, request->size);
    if (disk->bytes == NULL || pthread_rwlock_init(&disk->lock, NULL) != 0) {
        free(disk->bytes);
        free(disk);
        return -ENOMEM;
    }
    info->size = request->size;
    info->flags = SCST_BLOCK_NO_VOLATILE_CACHE; /* there is nothing to flush to */
    *medium = disk;
    return 0;
}

static void ram_close(void *medium) {
    struct ram_disk *disk = medium;
    pthread_rwlock_destroy(&disk->lock);
    free(disk->bytes);
    free(disk);
}

static int32_t ram_read(void *medium, struct scst_block_io *io) {
    struct ram_disk *disk = medium;
    pthread_rwlock_rdlock(&disk->lock);
    memcpy(io->buffer, disk->bytes + io->offset, io->length);
    pthread_rwlock_unlock(&disk->lock);
    return 0;
}

static int32_t ram_write(void *medium, struct scst_block_io *io) {
    struct ram_disk *disk = medium;
    pthread_rwlock_wrlock(&disk->lock);
    memcpy(disk->bytes + io->offset, io->buffer, io->length);
    pthread_rwlock_unlock(&disk->lock);
    return 0;
}

static const struct scst_block_backend ram_backend = {
    .struct_size = sizeof(struct scst_block_backend),
    .flags = SCST_BLOCK_NONBLOCKING | SCST_BLOCK_HAS_SIZE,
    .name = "ram_disk",
    .vendor = "EXAMPLE",
    .device_type = SCST_TYPE_DISK,
    .default_size = 64u << 20,
    .open = ram_open,
    .close = ram_close,
    .read = ram_read,
    .write = ram_write,
};

static int32_t plugin_init(const struct scst_core *core, struct scst_plugin_ref *plugin, void **self,
                           struct scst_error *error) {
    struct scst_block_handler *handler = NULL;
    const int32_t failed = scst_block_register(core, plugin, &ram_backend, NULL, &handler, error);
    *self = handler; /* comes back in plugin_exit() */
    return failed;
}

static void plugin_exit(void *self) {
    scst_block_unregister(self);
}

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = "ram_disk",
        .version = "1.0",
        .license = "Apache-2.0",
        .summary = "example: a disk in memory",
        .init = plugin_init,
        .exit = plugin_exit,
    };
    return &descriptor;
}
