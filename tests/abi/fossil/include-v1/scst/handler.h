/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler.h: a device handler: what turns commands into effects.
 *
 * Two kinds (docs/sdk.md): a full SCSI handler fills this table and gets CDBs; a block backend fills the much smaller
 * one of <scst/block.h> and lets the vdisk library be the SCSI handler.
 */
#ifndef SCST_HANDLER_H
#define SCST_HANDLER_H

#include <scst/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Answers of exec(). The two never depend on a mode. */
#define SCST_EXEC_DONE 0        /* status, sense and response_length are final */
#define SCST_EXEC_PENDING 1     /* exactly one cmd_done() follows, from any thread, perhaps before exec() returned */
#define SCST_EXEC_NEED_THREAD 2 /* nothing was done; call exec() again on a worker thread, where it may block */

/* Handler flags. Without any, exec() is called on a worker thread, one command per device at a time. */
#define SCST_HANDLER_PARALLEL 1u     /* exec() may be entered by several threads at once for one device */
#define SCST_HANDLER_NONBLOCKING 2u  /* exec() is called on the reactor and never blocks there */
#define SCST_HANDLER_OWN_BUFFERS 4u  /* the core allocates no READ buffer before exec(); see cmd_alloc_buffer() */
#define SCST_HANDLER_WANTS_PR_OUT 8u /* PERSISTENT RESERVE OUT is shown to exec() after the core did it */

/* One command that a handler implements; service_action is 0xffff for opcodes without one. */
struct scst_opcode {
    uint8_t opcode;
    uint8_t reserved_0;
    uint16_t service_action;
};

/*
 * A device handler. The table and everything it points to stays valid while the plugin is loaded.
 * `self` is what was passed to register_handler(); `device` what add_device() stored in *device.
 * "Management" calls run on the management thread and may block.
 */
struct scst_handler {
    uint32_t struct_size;
    uint32_t flags;                  /* SCST_HANDLER_* */
    const char *name;                /* as in scst.conf, at most 49 characters */
    uint32_t device_type;            /* SCST_TYPE_* */
    int32_t threads_num;             /* default worker threads per device, at least 1 */
    uint32_t max_commands_per_nexus; /* default of max_tgt_dev_commands; 0 means 64 */
    uint32_t parameter_count;
    const char *const *parameters; /* names that add_device accepts, in the order shown by the mgmt file */
    const struct scst_attribute *device_attributes; /* object: the handler's `device` */
    uint32_t device_attribute_count;
    uint32_t opcode_count;
    const struct scst_opcode *opcodes; /* what REPORT SUPPORTED OPERATION CODES lists besides the core's own */

    /* Management, required: opens a device. `name` is already checked to be legal and free. `handle` names the device
     * in calls to the core and is valid until del_device returned. Returns 0 or -errno with a reason. No command
     * arrives before it returned. */
    int32_t (*add_device)(void *self, struct scst_device *handle, const char *name,
                          const struct scst_parameter *parameters, uint32_t parameter_count, void **device,
                          struct scst_error *error);
    /* Management, required: closes the device. No command is running and none will come. */
    void (*del_device)(void *device);

    /* Required: executes a command. Reservations, unit attentions, task order, write protection are already decided,
     * and for WRITE all data is there. On a reactor (flag NONBLOCKING and not SCST_CMD_ON_WORKER) it must not block. */
    int32_t (*exec)(void *device, struct scst_cmd *cmd);

    /* Optional, reactor: every exec() of a batch was called; submit what was collected. */
    void (*end_of_batch)(void *device, struct scst_reactor *reactor);
    /* Optional, any thread: the command is finished and its buffers are no longer read. */
    void (*on_free)(void *device, struct scst_cmd *cmd);
    /* Optional, any thread: a hint that a PENDING command was aborted. Its cmd_done() is still owed. */
    void (*abort)(void *device, struct scst_cmd *cmd);
    /* Optional, worker thread: LUN or target reset: back to saved mode pages, medium removal allowed again. */
    void (*reset)(void *device);
    /* Optional, management: another process state of the ALUA group (SCST's names); 1 = medium should be open. */
    int32_t (*alua_state_changed)(void *device, const char *old_state, const char *new_state);
    /* Optional, any thread: the I_T nexus `nexus_id` (an opaque number) has ended; drop what is kept for it
     * (PREVENT ALLOW MEDIUM REMOVAL, say). */
    void (*nexus_lost)(void *device, uint64_t nexus_id);
    /* Optional, management: the daemon or the device goes; end long work (FORMAT UNIT, SANITIZE) soon. */
    void (*device_ending)(void *device);
};

#ifdef __cplusplus
}
#endif
#endif
