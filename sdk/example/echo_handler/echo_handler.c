/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_handler: a full SCSI handler in plain C: it gets CDBs and says back what was written to it.
 *
 * Read from the bottom: scst_plugin_entry(), plugin_init(), the table `echo_handler`, then its callbacks. Nothing is
 * kept in file statics: the plugin's state hangs on `self`, a device's on `device`. README.md tells what to try.
 *
 * Threads: the handler has no flags, the safe default, so that exec() runs on a worker thread and once at a time per
 * device. Hence no lock here.
 */
#include <scst/plugin.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 512, DEFAULT_BLOCKS = 2048, MAX_BLOCKS = 65536, PRODUCT_LENGTH = 16 };

struct echo_plugin {
    const struct scst_core *core;
    struct scst_plugin_ref *ref;
};

struct echo_device {
    const struct echo_plugin *plugin;
    struct scst_device *handle; /* names this device in calls to the core */
    uint64_t blocks;
    uint64_t commands; /* changed by exec() only, read by the attribute while the device is suspended */
    char product[PRODUCT_LENGTH + 1];
    uint8_t *memory;
};

/* ---- answers ---- */

/* Copies into the command's segments and sets how much is to be sent. The core has allocated them: the flag
 * SCST_HANDLER_OWN_BUFFERS is not set. */
static void answer(struct scst_cmd *cmd, const uint8_t *data, uint64_t length) {
    uint64_t done = 0;
    if (length > cmd->transfer_length)
        length = cmd->transfer_length; /* allocation length, or what the initiator expects */
    for (uint32_t i = 0; i < cmd->segment_count && done < length; ++i) {
        const struct scst_segment *segment = &cmd->segments[i];
        const uint64_t piece = segment->length < length - done ? segment->length : length - done;
        memcpy(segment->address, data + done, piece);
        done += piece;
    }
    cmd->response_length = done;
}

static void take(const struct scst_cmd *cmd, uint8_t *to) {
    uint64_t done = 0;
    for (uint32_t i = 0; i < cmd->segment_count && done < cmd->transfer_length; ++i) {
        const struct scst_segment *segment = &cmd->segments[i];
        const uint64_t left = cmd->transfer_length - done;
        const uint64_t piece = segment->length < left ? segment->length : left;
        memcpy(to + done, segment->address, piece);
        done += piece;
    }
}

static void refuse_field(struct echo_device *device, struct scst_cmd *cmd, uint32_t byte) {
    device->plugin->core->cmd_set_invalid_field(cmd, 1, byte, -1);
}

/* ---- the commands ---- */

/* Vital product data pages 00h and 80h (SPC-4 7.8). */
static void inquiry_vpd(struct echo_device *device, struct scst_cmd *cmd) {
    uint8_t page[4 + 64] = {0};
    size_t length = 0;
    page[0] = SCST_TYPE_DISK;
    page[1] = cmd->cdb[2];
    if (cmd->cdb[2] == 0x00) {
        page[4] = 0x00;
        page[5] = 0x80;
        length = 2;
    } else if (cmd->cdb[2] == 0x80) {
        const char *name = device->plugin->core->device_name(device->handle);
        length = strlen(name);
        if (length > 64)
            length = 64;
        memcpy(page + 4, name, length);
    } else {
        refuse_field(device, cmd, 2);
        return;
    }
    page[3] = (uint8_t)length;
    answer(cmd, page, 4 + length);
}

/* INQUIRY (SPC-4 6.6). */
static void inquiry(struct echo_device *device, struct scst_cmd *cmd) {
    struct scst_port_info port = {.struct_size = sizeof port};
    uint8_t data[36] = {0};
    if (cmd->cdb[1] & 1) {
        inquiry_vpd(device, cmd);
        return;
    }
    if (cmd->cdb[2] != 0) {
        refuse_field(device, cmd, 2);
        return;
    }
    device->plugin->core->cmd_port_info(cmd, &port);
    data[0] = (uint8_t)(SCST_TYPE_DISK | (port.port_unavailable ? 0x20 : 0));
    data[2] = 6;                         /* SPC-4 */
    data[3] = 0x12;                      /* HISUP, response data format 2 */
    data[4] = sizeof data - 5;           /* additional length */
    data[5] = (uint8_t)(port.tpgs << 4); /* the port's part in asymmetric access */
    data[7] = 0x02;                      /* CMDQUE */
    memcpy(data + 8, "EXAMPLE ", 8);
    memset(data + 16, ' ', PRODUCT_LENGTH);
    memcpy(data + 16, device->product, strlen(device->product));
    memcpy(data + 32, "0001", 4);
    answer(cmd, data, sizeof data);
}

/* READ CAPACITY (10) (SBC-3 5.15); MAX_BLOCKS keeps it within 32 bits. */
static void read_capacity(struct echo_device *device, struct scst_cmd *cmd) {
    const uint32_t last = (uint32_t)(device->blocks - 1);
    const uint8_t data[8] = {(uint8_t)(last >> 24),
                             (uint8_t)(last >> 16),
                             (uint8_t)(last >> 8),
                             (uint8_t)last,
                             0,
                             0,
                             (uint8_t)(BLOCK_SIZE >> 8),
                             0};
    answer(cmd, data, sizeof data);
}

/* The core has decoded lba and block_count and compared them with the capacity; checking again costs nothing and keeps
 * this file right even if the capacity is ever set wrong. */
static int in_range(struct echo_device *device, struct scst_cmd *cmd) {
    if (cmd->lba <= device->blocks && cmd->block_count <= device->blocks - cmd->lba)
        return 1;
    device->plugin->core->cmd_set_sense(cmd, SCST_SENSE_ILLEGAL_REQUEST, 0x21, 0x00);
    return 0;
}

static int32_t exec(void *self, struct scst_cmd *cmd) {
    struct echo_device *device = self;
    ++device->commands;
    switch (cmd->cdb[0]) {
    case 0x00: /* TEST UNIT READY: status is GOOD unless said otherwise */
        break;
    case 0x12:
        inquiry(device, cmd);
        break;
    case 0x25:
        read_capacity(device, cmd);
        break;
    case 0x28: /* READ (10) */
        if (in_range(device, cmd))
            answer(cmd, device->memory + cmd->lba * BLOCK_SIZE, cmd->transfer_length);
        break;
    case 0x2A: /* WRITE (10): all data is there already */
        if (in_range(device, cmd))
            take(cmd, device->memory + cmd->lba * BLOCK_SIZE);
        break;
    default: /* INVALID COMMAND OPERATION CODE */
        device->plugin->core->cmd_set_sense(cmd, SCST_SENSE_ILLEGAL_REQUEST, 0x20, 0x00);
        break;
    }
    return SCST_EXEC_DONE;
}

/* ---- attributes: files of the device in the management tree ---- */

static int32_t show_commands(void *self, const struct scst_attribute *attribute, struct scst_writer *out) {
    struct echo_device *device = self;
    char text[32];
    int length = 0;
    (void)attribute;
    /* Management calls may run while exec() runs. Holding the device's commands is the simple way to look at their
     * data; a handler with many readers would use atomics. */
    if (device->plugin->core->device_suspend(device->handle, 5000) != 0)
        return -EBUSY;
    length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)device->commands);
    device->plugin->core->device_resume(device->handle);
    out->write(out, text, (size_t)length);
    return 0;
}

static int32_t show_product(void *self, const struct scst_attribute *attribute, struct scst_writer *out) {
    const struct echo_device *device = self;
    (void)attribute;
    out->write(out, device->product, strlen(device->product)); /* only store_product() changes it, on this thread */
    out->write(out, "\n", 1);
    if (strcmp(device->product, "echo") != 0)
        out->write(out, "[key]\n", 6); /* not the default: to be saved */
    return 0;
}

static int32_t store_product(void *self, const struct scst_attribute *attribute, const char *text, size_t length,
                             struct scst_error *error) {
    struct echo_device *device = self;
    const struct scst_core *core = device->plugin->core;
    static const char too_long[] = "product must have 1 to 16 printable characters";
    size_t i = 0;
    (void)attribute;
    while (i < length && i < PRODUCT_LENGTH && text[i] >= ' ' && text[i] <= '~')
        ++i;
    if (length == 0 || i != length) {
        core->error_set(error, too_long, sizeof too_long - 1);
        return -EINVAL;
    }
    if (core->device_suspend(device->handle, 5000) != 0)
        return -EBUSY;
    memcpy(device->product, text, length);
    device->product[length] = '\0';
    core->device_resume(device->handle);
    core->device_unit_attention(device->handle, 0x3F, 0x03, NULL); /* INQUIRY DATA HAS CHANGED */
    return 0;
}

static const struct scst_attribute echo_attributes[] = {
    {.struct_size = sizeof(struct scst_attribute), .flags = SCST_ATTR_READ, .name = "commands", .show = show_commands},
    {.struct_size = sizeof(struct scst_attribute),
     .flags = SCST_ATTR_READ | SCST_ATTR_WRITE,
     .name = "product",
     .show = show_product,
     .store = store_product},
};

/* ---- devices ---- */

/* The core hands on what the administrator typed: names and values are the handler's to check, and what it doesn't know
 * it refuses, because a parameter that is ignored is most often a typing error. */
static int32_t read_parameter(const struct echo_plugin *plugin, const struct scst_parameter *parameter,
                              uint64_t *blocks, struct scst_error *error) {
    char *end = NULL;
    char text[160];
    int length = 0;
    if (strcmp(parameter->name, "blocks") != 0) {
        length = snprintf(text, sizeof text, "there is no parameter \"%.80s\"", parameter->name);
    } else {
        errno = 0;
        *blocks = strtoull(parameter->value, &end, 10);
        if (errno == 0 && end != parameter->value && *end == '\0' && *blocks >= 1 && *blocks <= MAX_BLOCKS)
            return 0;
        length = snprintf(text, sizeof text, "blocks must be a number from 1 to %d, not \"%.80s\"", MAX_BLOCKS,
                          parameter->value);
    }
    plugin->core->error_set(error, text, (size_t)length);
    return -EINVAL;
}

static int32_t add_device(void *self, struct scst_device *handle, const char *name,
                          const struct scst_parameter *parameters, uint32_t parameter_count, void **result,
                          struct scst_error *error) {
    const struct echo_plugin *plugin = self;
    struct echo_device *device = NULL;
    uint64_t blocks = DEFAULT_BLOCKS;
    (void)name;
    for (uint32_t i = 0; i < parameter_count; ++i) { /* of a name given twice the last value counts */
        const int32_t failed = read_parameter(plugin, &parameters[i], &blocks, error);
        if (failed)
            return failed;
    }
    device = calloc(1, sizeof *device);
    if (device == NULL)
        return -ENOMEM;
    device->memory = calloc(blocks, BLOCK_SIZE);
    if (device->memory == NULL) {
        free(device);
        return -ENOMEM;
    }
    device->plugin = plugin;
    device->handle = handle;
    device->blocks = blocks;
    memcpy(device->product, "echo", sizeof "echo");
    plugin->core->device_set_capacity(handle, BLOCK_SIZE, blocks, 0);
    *result = device;
    return 0;
}

static void del_device(void *self) {
    struct echo_device *device = self;
    free(device->memory);
    free(device);
}

/* ---- the plugin ---- */

static const char *const echo_parameters[] = {"blocks"};

static const struct scst_opcode echo_opcodes[] = {
    {.opcode = 0x00, .service_action = 0xffff}, {.opcode = 0x12, .service_action = 0xffff},
    {.opcode = 0x25, .service_action = 0xffff}, {.opcode = 0x28, .service_action = 0xffff},
    {.opcode = 0x2A, .service_action = 0xffff},
};

static const struct scst_handler echo_handler = {
    .struct_size = sizeof(struct scst_handler),
    .name = "echo_handler",
    .device_type = SCST_TYPE_DISK,
    .threads_num = 1,
    .parameters = echo_parameters,
    .parameter_count = sizeof echo_parameters / sizeof *echo_parameters,
    .device_attributes = echo_attributes,
    .device_attribute_count = sizeof echo_attributes / sizeof *echo_attributes,
    .opcodes = echo_opcodes,
    .opcode_count = sizeof echo_opcodes / sizeof *echo_opcodes,
    .add_device = add_device,
    .del_device = del_device,
    .exec = exec,
};

static int32_t plugin_init(const struct scst_core *core, struct scst_plugin_ref *ref, void **self,
                           struct scst_error *error) {
    struct echo_plugin *plugin = calloc(1, sizeof *plugin);
    int32_t failed = 0;
    if (plugin == NULL)
        return -ENOMEM;
    plugin->core = core;
    plugin->ref = ref;
    failed = core->register_handler(ref, &echo_handler, plugin, error);
    if (failed) {
        free(plugin); /* exit is not called after a failed init */
        return failed;
    }
    *self = plugin;
    return 0;
}

static void plugin_exit(void *self) {
    free(self);
}

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = "echo_handler",
        .version = "1.0",
        .license = "Apache-2.0",
        .summary = "example: a SCSI handler over a piece of memory",
        .init = plugin_init,
        .exit = plugin_exit,
    };
    return &descriptor;
}
