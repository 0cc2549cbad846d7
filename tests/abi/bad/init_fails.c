/* SPDX-License-Identifier: Apache-2.0 */
/* init_fails: registers a handler, then gives up. The handler must be gone afterwards. */
#include "common.h"

static const struct scst_handler handler = {
    .struct_size = sizeof(struct scst_handler),
    .name = "init_fails_handler",
    .threads_num = 1,
    .add_device = add_nothing,
    .del_device = del_nothing,
    .exec = exec_nothing,
};

static int32_t start(const struct scst_core *core, struct scst_plugin_ref *plugin, void **self,
                     struct scst_error *error) {
    (void)self;
    static const char reason[] = "the moon is in the wrong phase";
    const int32_t failed = core->register_handler(plugin, &handler, NULL, error);
    if (failed)
        return failed;
    core->error_set(error, reason, sizeof reason - 1);
    return -EAGAIN;
}

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = "init_fails",
        .version = "1",
        .license = "Apache-2.0",
        .summary = "refused",
        .init = start,
    };
    return &descriptor;
}
