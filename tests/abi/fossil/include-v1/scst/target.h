/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h: a target driver: what turns a transport's bytes into commands.
 *
 * Threads: a session belongs to one reactor from session_register() to its end. All callbacks that carry a command,
 * a task management request or an event of that session run on that reactor's thread; so do the driver's calls for it.
 */
#ifndef SCST_TARGET_H
#define SCST_TARGET_H

#include <scst/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Driver flags. */
#define SCST_DRIVER_NO_ENABLED 1u /* targets have no "enabled" attribute: they always are */

/* How a command's data arrived, for cmd_data_received(). */
#define SCST_RX_SUCCESS 0
#define SCST_RX_ERROR 1     /* transport failure: CHECK CONDITION, HARDWARE ERROR 4/44/00 */
#define SCST_RX_SENSE_SET 2 /* the driver has set status and sense itself */
#define SCST_RX_ABORTED 3   /* the nexus is going: no response is wanted */

/* Whether a response reached the transport, for cmd_finished(). */
#define SCST_DELIVERED 0
#define SCST_DELIVERY_FAILED 1 /* unit attentions that it carried are queued again */

/*
 * A task management request. The driver owns it from tm_submit() until task_management_done().
 */
struct scst_task_management {
    uint32_t struct_size;
    uint32_t function;     /* SCST_TM_* */
    uint64_t tag;          /* ABORT TASK, QUERY TASK: tag of the command */
    uint32_t transport_sn; /* CmdSN of the request: later commands are not touched */
    uint32_t has_transport_sn;
    uint8_t lun_bytes[8];
    int32_t status;         /* SCST_TM_STATUS_*, set when done */
    uint32_t suppress;      /* set when done: 1 = send no response (black_hole 2 and 4) */
    uint32_t response_info; /* set when done: additional response information of QUERY ASYNC EVENT (SAM-5 7.10) */
    uint32_t reserved_0;
    void *driver_data;
};

/* Something the initiator should hear of without asking (RFC 7143 11.9, event 0). */
struct scst_event {
    uint32_t struct_size;
    uint32_t lun;
    uint8_t lun_bytes[8];
    uint32_t sense_length;
    uint32_t reserved_0;
    const uint8_t *sense; /* borrowed for the call */
};

/*
 * A target driver. The table and what it points to stays valid while the plugin is loaded. `self` is what was passed
 * to register_target_driver(), `target` what add_target() stored, `session` the driver's session data.
 */
struct scst_target_driver {
    uint32_t struct_size;
    uint32_t flags;                       /* SCST_DRIVER_* */
    const char *name;                     /* as in scst.conf: "iscsi" */
    uint16_t scsi_transport_version;      /* INQUIRY version descriptor: 0x0960 for iSCSI */
    uint16_t physical_transport_version;  /* 0 = none */
    uint32_t protocol_identifier;         /* SPC-4 table 477: 5 for iSCSI */
    const char *const *target_parameters; /* names accepted by add_target */
    uint32_t target_parameter_count;
    uint32_t driver_attribute_count;
    const struct scst_attribute *driver_attributes; /* object: `self` */
    const struct scst_attribute *target_attributes; /* object: `target` */
    const struct scst_attribute
        *session_attributes; /* object: `session`; values that never change after session_register() */
    const struct scst_attribute *group_attributes; /* object: what add_group() stored */
    uint32_t target_attribute_count;
    uint32_t session_attribute_count;
    uint32_t group_attribute_count;
    uint32_t dynamic_driver_attribute_count;
    const char *const *dynamic_driver_attributes; /* names for add_attribute, e.g. "IncomingUser" */
    const char *const *dynamic_target_attributes; /* names for add_target_attribute, e.g. "allowed_portal" */
    uint32_t dynamic_target_attribute_count;
    uint32_t reserved_0;

    /* Management, required: makes a target (disabled unless NO_ENABLED). Returns 0 or -errno with a reason. */
    int32_t (*add_target)(void *self, struct scst_target *handle, const char *name,
                          const struct scst_parameter *parameters, uint32_t parameter_count, void **target,
                          struct scst_error *error);
    /* Management, required: destroys it; all its sessions are gone. */
    void (*del_target)(void *target);
    /* Management, required unless NO_ENABLED: starts (1) or stops (0) to admit new sessions. */
    int32_t (*enable_target)(void *target, int32_t enable, struct scst_error *error);

    /* Reactor, required: send the response of a command: data (segments, response_length), status, sense, residual.
     * When it has left (or never will), the driver calls cmd_finished(), also from within. */
    void (*xmit_response)(struct scst_cmd *cmd);
    /* Reactor, optional: the buffer for a WRITE is there (segments): fetch the data, then cmd_data_received(). Without
     * it the driver must have all data in place before cmd_submit(). */
    void (*ready_to_transfer)(struct scst_cmd *cmd);
    /* Reactor, optional: the command was aborted while the driver was fetching its data; the driver stops and
     * calls cmd_data_received(SCST_RX_ABORTED) soon (within seconds: a peer may still be sending). */
    void (*abort_transfer)(struct scst_cmd *cmd);
    /* Reactor, required: answers a request given to tm_submit(). */
    void (*task_management_done)(struct scst_task_management *request);
    /* Reactor, optional: tell the initiator. Returns 0, or -errno when it can't be told. */
    int32_t (*report_event)(void *session, const struct scst_event *event);
    /* Reactor, required: close the session: the driver ends its connections and calls session_unregister(). */
    void (*close_session)(void *session);

    /* Management, optional: dynamic attributes. `target` is NULL for driver-level ones. `value` as in the mgmt command.
     */
    int32_t (*add_attribute)(void *self, void *target, const char *name, const char *value, struct scst_error *error);
    int32_t (*del_attribute)(void *self, void *target, const char *name, const char *value, struct scst_error *error);
    /* Management, optional: lists the dynamic attributes that exist: calls emit(context, NAME, TEXT) for each, TEXT as
     * a file of the tree shows it. */
    void (*list_attributes)(void *self, void *target,
                            void (*emit)(void *context, const char *name, const char *text, uint32_t flags),
                            void *context);
    /* Management, optional: replaces the value of the dynamic attribute file `name`. */
    int32_t (*set_attribute)(void *self, void *target, const char *name, const char *value, struct scst_error *error);
    /* Management, optional: an access group was made or goes; keep per-group settings. */
    int32_t (*add_group)(void *target, const char *group, void **group_data);
    void (*del_group)(void *group_data);
    /* Reactor, optional: directories below the session in the tree: calls emit(context, DIRECTORY, FILE, TEXT). */
    void (*list_connections)(void *session,
                             void (*emit)(void *context, const char *directory, const char *file, const char *text),
                             void *context);
};

#ifdef __cplusplus
}
#endif
#endif
