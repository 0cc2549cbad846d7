/* SPDX-License-Identifier: Apache-2.0 */
/* common: what the plugins that must be refused share: an init() that would succeed, and a handler's callbacks. */
#ifndef SCST_TESTS_ABI_BAD_COMMON_H
#define SCST_TESTS_ABI_BAD_COMMON_H

#include <scst/plugin.h>

#include <errno.h>
#include <stddef.h>

static inline int32_t start_without_anything(const struct scst_core *core, struct scst_plugin_ref *plugin, void **self,
                                             struct scst_error *error) {
    (void)core;
    (void)plugin;
    (void)self;
    (void)error;
    return 0;
}

static inline int32_t add_nothing(void *self, struct scst_device *handle, const char *name,
                                  const struct scst_parameter *parameters, uint32_t parameter_count, void **device,
                                  struct scst_error *error) {
    (void)self;
    (void)handle;
    (void)name;
    (void)parameters;
    (void)parameter_count;
    (void)error;
    *device = NULL;
    return 0;
}

static inline void del_nothing(void *device) {
    (void)device;
}

static inline int32_t exec_nothing(void *device, struct scst_cmd *cmd) {
    (void)device;
    (void)cmd;
    return SCST_EXEC_DONE;
}

#endif
