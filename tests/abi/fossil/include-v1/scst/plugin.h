/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin.h: what makes a shared object a plugin of scstd.
 *
 * A plugin exports exactly one symbol, scst_plugin_entry(), and resolves none against the daemon: everything that it
 * may call arrives in the table of core.h. See docs/sdk.md for the life cycle.
 */
#ifndef SCST_PLUGIN_H
#define SCST_PLUGIN_H

#include <scst/core.h>
#include <scst/handler.h>
#include <scst/target.h>
#include <scst/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCST_PLUGIN_MAGIC 0x53435354u /* "SCST" */

#if defined(__GNUC__)
#define SCST_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define SCST_PLUGIN_EXPORT
#endif

/*
 * The descriptor. All strings are static. `struct_size` is sizeof(struct scst_plugin) of the header that the plugin
 * was built with: members beyond it read as zero.
 *
 * init: registers handlers and target drivers through the core's table. `plugin` names this plugin in calls to the
 *       core. What it stores in *self comes back in exit. Returns 0, or -errno with a reason in `error`: then the
 *       plugin is refused, what it had registered is taken back, exit is not called, and the daemon goes on.
 * exit: called after all devices, targets, sessions and commands of the plugin are gone; optional.
 * Both run on the management thread.
 */
struct scst_plugin {
    uint32_t magic;
    uint32_t abi_version;
    uint32_t struct_size;
    uint32_t flags;      /* 0 */
    const char *name;    /* letters, digits, '_', '-'; at most 49 characters; equals the file's name without ".so" */
    const char *version; /* free text */
    const char *license; /* SPDX identifier */
    const char *summary; /* one line for `scstctl plugin list` */
    int32_t (*init)(const struct scst_core *core, struct scst_plugin_ref *plugin, void **self,
                    struct scst_error *error);
    void (*exit)(void *self);
};

/* The one exported symbol. The descriptor stays valid while the object is loaded. */
typedef const struct scst_plugin *(*scst_plugin_entry_fn)(void);
#define SCST_PLUGIN_ENTRY_NAME "scst_plugin_entry"
SCST_PLUGIN_EXPORT const struct scst_plugin *scst_plugin_entry(void);

#ifdef __cplusplus
}
#endif
#endif
