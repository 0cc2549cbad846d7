/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fossil_v1: a plugin as it was built when version 1 of the ABI came out. It is compiled from include-v1, the frozen
 * copy of the first headers, and never from today's: it must load and run in each daemon to come.
 *
 * Never edit it or its headers. It uses what the examples don't: own buffers, lent memory, an early cmd_done(),
 * on_free().
 */
#include <scst/plugin.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 512, BLOCKS = 64 };

struct fossil_device {
    const struct scst_core *core;
    uint8_t *bytes;
    int64_t freed; /* commands that came to on_free(); atomic */
};

static void send_bytes(struct fossil_device *device, struct scst_cmd *cmd, const void *data, uint64_t length) {
    if (length > cmd->transfer_length)
        length = cmd->transfer_length;
    cmd->response_length = length;
    if (length == 0 || device->core->cmd_alloc_buffer(cmd, length) != 0)
        return; /* the core has set the status */
    memcpy(cmd->segments[0].address, data, length);
}

static void inquiry(struct fossil_device *device, struct scst_cmd *cmd) {
    static const uint8_t data[36] = "\x00\x00\x06\x12\x1f\x00\x00\x02"
                                    "FOSSIL  version 1       0001";
    if (cmd->cdb[1] & 1)
        device->core->cmd_set_invalid_field(cmd, 1, 1, 0);
    else
        send_bytes(device, cmd, data, sizeof data);
}

static int32_t exec(void *self, struct scst_cmd *cmd) {
    struct fossil_device *device = self;
    static const uint8_t capacity[8] = {0, 0, 0, BLOCKS - 1, 0, 0, BLOCK_SIZE >> 8, 0};
    switch (cmd->cdb[0]) {
    case 0x00:
        break;
    case 0x12:
        inquiry(device, cmd);
        break;
    case 0x25:
        send_bytes(device, cmd, capacity, sizeof capacity);
        break;
    case 0x28: /* lent, not copied: valid until on_free() */
        device->core->cmd_lend_buffer(cmd, device->bytes + cmd->lba * BLOCK_SIZE, cmd->transfer_length);
        break;
    case 0x2A: {
        uint8_t *to = device->bytes + cmd->lba * BLOCK_SIZE;
        for (uint32_t i = 0; i < cmd->segment_count; ++i) {
            memcpy(to, cmd->segments[i].address, cmd->segments[i].length);
            to += cmd->segments[i].length;
        }
        device->core->cmd_done(cmd); /* before exec() returned, which is allowed */
        return SCST_EXEC_PENDING;
    }
    default:
        device->core->cmd_set_sense(cmd, SCST_SENSE_ILLEGAL_REQUEST, 0x20, 0x00);
        break;
    }
    return SCST_EXEC_DONE;
}

static void on_free(void *self, struct scst_cmd *cmd) {
    struct fossil_device *device = self;
    (void)cmd;
    __atomic_add_fetch(&device->freed, 1, __ATOMIC_RELAXED);
}

static int32_t show_freed(void *self, const struct scst_attribute *attribute, struct scst_writer *out) {
    struct fossil_device *device = self;
    char text[32];
    const int length =
        snprintf(text, sizeof text, "%lld\n", (long long)__atomic_load_n(&device->freed, __ATOMIC_RELAXED));
    (void)attribute;
    out->write(out, text, (size_t)length);
    return 0;
}

static int32_t add_device(void *self, struct scst_device *handle, const char *name,
                          const struct scst_parameter *parameters, uint32_t parameter_count, void **result,
                          struct scst_error *error) {
    const struct scst_core *core = self;
    struct fossil_device *device = calloc(1, sizeof *device);
    (void)name;
    (void)parameters;
    (void)parameter_count;
    (void)error;
    if (device == NULL)
        return -ENOMEM;
    device->core = core;
    device->bytes = calloc(BLOCKS, BLOCK_SIZE);
    if (device->bytes == NULL) {
        free(device);
        return -ENOMEM;
    }
    core->device_set_capacity(handle, BLOCK_SIZE, BLOCKS, 0);
    *result = device;
    return 0;
}

static void del_device(void *self) {
    struct fossil_device *device = self;
    free(device->bytes);
    free(device);
}

static const struct scst_opcode opcodes[] = {
    {0x00, 0, 0xffff}, {0x12, 0, 0xffff}, {0x25, 0, 0xffff}, {0x28, 0, 0xffff}, {0x2A, 0, 0xffff},
};

static const struct scst_attribute attributes[] = {
    {.struct_size = sizeof(struct scst_attribute), .flags = SCST_ATTR_READ, .name = "freed", .show = show_freed},
};

/* A worker thread, one command at a time: lending and writing never overlap within one initiator's ordered commands. */
static const struct scst_handler handler = {
    .struct_size = sizeof(struct scst_handler),
    .flags = SCST_HANDLER_OWN_BUFFERS,
    .name = "fossil_v1",
    .device_type = SCST_TYPE_DISK,
    .threads_num = 1,
    .device_attributes = attributes,
    .device_attribute_count = 1,
    .opcodes = opcodes,
    .opcode_count = sizeof opcodes / sizeof *opcodes,
    .add_device = add_device,
    .del_device = del_device,
    .exec = exec,
    .on_free = on_free,
};

static int32_t plugin_init(const struct scst_core *core, struct scst_plugin_ref *plugin, void **self,
                           struct scst_error *error) {
    static const char too_old[] = "the daemon's table is smaller than that of ABI version 1";
    static const char hello[] = "the fossil wakes";
    (void)self;
    if (core->struct_size < sizeof *core) {
        core->error_set(error, too_old, sizeof too_old - 1);
        return -ENOTSUP;
    }
    core->log(plugin, SCST_LOG_INFO, "fossil_v1", hello, sizeof hello - 1);
    return core->register_handler(plugin, &handler, (void *)(uintptr_t)core, error);
}

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = "fossil_v1",
        .version = "1",
        .license = "Apache-2.0",
        .summary = "a plugin built with the first headers",
        .init = plugin_init,
    };
    return &descriptor;
}
