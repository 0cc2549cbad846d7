/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.h: the table of functions that the core lends to a plugin.
 *
 * The table is valid from init() to the end of exit(). Check struct_size before using a member that was added after
 * ABI version 1 came out. "Any thread" means any; otherwise the thread is named.
 */
#ifndef SCST_CORE_H
#define SCST_CORE_H

#include <scst/handler.h>
#include <scst/target.h>
#include <scst/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Readiness of a file descriptor. */
#define SCST_WATCH_READ 1u
#define SCST_WATCH_WRITE 2u

/* What session_register() wants to know; strings are copied. */
struct scst_session_info {
    uint32_t struct_size;
    uint32_t initial_nexus_loss;   /* 1: the first unit attention is I_T NEXUS LOSS 29/07 instead of 29/00 */
    const char *initiator_name;    /* matched against the access groups' patterns */
    const uint8_t *transport_id;   /* TransportID (SPC-4 7.6.4), for persistent reservations */
    uint32_t transport_id_length;  /* bytes; 0: the transport has none and persistent reservations are refused */
    uint32_t supports_events;      /* 1: report_event() works on this session */
    struct scst_session *replaces; /* reinstatement: reservations move from this session; may be NULL */
    void *driver_data;             /* comes back as `session` in the driver's callbacks */
};

struct scst_core {
    uint32_t struct_size;
    uint32_t abi_version;
    const char *version; /* of the daemon, for display */

    /* ---- logging, errors, settings: any thread ---- */
    /* Writes one line. `component` is e.g. "iscsi" or "dev.disk1". */
    void (*log)(struct scst_plugin_ref *plugin, uint32_t level, const char *component, const char *text, size_t length);
    /* 1 when a line of this level would be written; test before formatting costly text. */
    int32_t (*log_enabled)(struct scst_plugin_ref *plugin, uint32_t level);
    /* Fills `error` (cut to fit). */
    void (*error_set)(struct scst_error *error, const char *text, size_t length);
    /* The value of PLUGIN.NAME in scstd.conf or -o, lists joined by ','; NULL when not set. Valid until exit(). */
    const char *(*setting)(struct scst_plugin_ref *plugin, const char *name);
    /* The daemon's state directory (absolute). */
    const char *(*state_dir)(void);
    /* Milliseconds of a clock that never jumps. */
    uint64_t (*now_ms)(void);

    /* ---- registration: management thread, within init() ---- */
    int32_t (*register_handler)(struct scst_plugin_ref *plugin, const struct scst_handler *handler, void *self,
                                struct scst_error *error);
    int32_t (*register_target_driver)(struct scst_plugin_ref *plugin, const struct scst_target_driver *driver,
                                      void *self, struct scst_error *error);

    /* ---- reactors ---- */
    /* Any thread. */
    uint32_t (*reactor_count)(void);
    struct scst_reactor *(*reactor_at)(uint32_t index);
    /* Any thread: the reactor with the fewest sessions among those that the target (may be NULL) allows. */
    struct scst_reactor *(*reactor_select)(struct scst_target *target);
    /* Any thread: runs fn(argument) on the reactor, after what was posted before. */
    void (*reactor_post)(struct scst_reactor *reactor, void (*fn)(void *argument), void *argument);
    /* That reactor: runs fn(argument) once everything that is ready now has been handled: the place to send a batch. */
    void (*reactor_defer)(struct scst_reactor *reactor, void (*fn)(void *argument), void *argument);
    /* Any thread: the reactor this thread is, or NULL. */
    struct scst_reactor *(*reactor_current)(void);
    /* That reactor: watches a non-blocking descriptor. `ready` is called with SCST_WATCH_* while the condition holds
     * (level triggered). The descriptor stays the caller's and must outlive the watch. NULL: no memory. */
    struct scst_watch *(*watch_add)(struct scst_reactor *reactor, int32_t fd, uint32_t events,
                                    void (*ready)(void *argument, uint32_t events), void *argument);
    void (*watch_modify)(struct scst_watch *watch, uint32_t events);
    /* No `ready` call comes after it returned; may be called from within `ready`. */
    void (*watch_remove)(struct scst_watch *watch);
    /* That reactor: one-shot timers. start() re-arms; the callback may start or destroy its timer. */
    struct scst_timer *(*timer_create)(struct scst_reactor *reactor, void (*expired)(void *argument), void *argument);
    void (*timer_start)(struct scst_timer *timer, uint64_t milliseconds);
    void (*timer_cancel)(struct scst_timer *timer);
    void (*timer_destroy)(struct scst_timer *timer);

    /* ---- targets and sessions: for drivers ---- */
    /* Any thread. `target` is the handle of add_target(). */
    uint16_t (*target_relative_id)(struct scst_target *target);
    /* Management thread: 1 when `initiator_name` would get at least one LUN of the target (default set or group). Any
     * thread: post to ask; see session_register() for the race-free form. */
    int32_t (*target_has_luns_for)(struct scst_target *target, const char *initiator_name);
    /* The session's reactor: starts a session on this reactor. Asynchronous: `done(argument, session, 0)` or
     * `done(argument, NULL, -errno)` runs on the reactor. -ENOENT: no group gives this initiator a LUN; -EPERM: the
     * target is disabled or going. The driver may submit commands from `done` on. */
    void (*session_register)(struct scst_target *target, struct scst_reactor *reactor,
                             const struct scst_session_info *info,
                             void (*done)(void *argument, struct scst_session *session, int32_t error), void *argument);
    /* The session's reactor: ends a session. Live commands are aborted; each still comes to xmit_response() unless its
     * data was being fetched, in which case abort_transfer() is called. `done` runs when nothing of it is left. */
    void (*session_unregister)(struct scst_session *session, void (*done)(void *argument), void *argument);
    /* Reactor: the session's directory name in the tree; valid until session_unregister's done. */
    const char *(*session_name)(struct scst_session *session);
    /* Management: the driver's data of the group the session is in, or of the target's default group. */
    void *(*session_group_data)(struct scst_session *session);

    /* ---- commands, driver side: the session's reactor ---- */
    /* A cleared command of the session; NULL when the session has too many (answer TASK SET FULL). */
    struct scst_cmd *(*cmd_alloc)(struct scst_session *session);
    /* Hands the command over. Callbacks may run before it returns. */
    void (*cmd_submit)(struct scst_cmd *cmd);
    /* Ends what ready_to_transfer() began. `received` is the number of bytes in the buffer. */
    void (*cmd_data_received)(struct scst_cmd *cmd, int32_t result, uint64_t received);
    /* Ends what xmit_response() began; the command is gone. */
    void (*cmd_finished)(struct scst_cmd *cmd, int32_t delivery);
    /* 1 when the command was aborted and its response must not be sent (call cmd_finished() at once). */
    int32_t (*cmd_response_suppressed)(const struct scst_cmd *cmd);
    /* A live command of the session by tag, or NULL. */
    struct scst_cmd *(*cmd_find)(struct scst_session *session, uint64_t tag);
    /* Starts a task management function; task_management_done() follows, perhaps before it returns. */
    void (*tm_submit)(struct scst_session *session, struct scst_task_management *request);

    /* ---- commands, handler side: any thread that has the command ---- */
    /* Ends a PENDING exec(). */
    void (*cmd_done)(struct scst_cmd *cmd);
    /* Gives the command one memory segment of `length` bytes from the SGV cache; contents are undefined.
     * 0, or -ENOMEM after setting BUSY or TASK SET FULL. */
    int32_t (*cmd_alloc_buffer)(struct scst_cmd *cmd, uint64_t length);
    /* Lends the handler's own memory as the command's one segment until on_free(). */
    void (*cmd_lend_buffer)(struct scst_cmd *cmd, uint8_t *address, uint64_t length);
    /* Lends a file range as the READ's one segment (only with SCST_CMD_FILE_RANGES_OK) until on_free(). */
    void (*cmd_lend_file)(struct scst_cmd *cmd, int32_t fd, uint64_t offset, uint64_t length);
    /* CHECK CONDITION in the device's sense format. The first error of a command wins. */
    void (*cmd_set_sense)(struct scst_cmd *cmd, uint8_t key, uint8_t asc, uint8_t ascq);
    /* ILLEGAL REQUEST with a field pointer (SPC-4 4.5.2.4.2). `in_cdb`: 1 INVALID FIELD IN CDB, 0 INVALID FIELD IN
     * PARAMETER LIST. `bit` 0..7, or -1 for none. */
    void (*cmd_set_invalid_field)(struct scst_cmd *cmd, int32_t in_cdb, uint32_t byte, int32_t bit);
    /* As cmd_set_sense() with a VALID INFORMATION field (the offset of a MISCOMPARE, say). */
    void (*cmd_set_sense_information)(struct scst_cmd *cmd, uint8_t key, uint8_t asc, uint8_t ascq,
                                      uint64_t information);
    /* As cmd_set_sense() with sense-key specific bytes (progress indication). */
    void (*cmd_set_sense_progress)(struct scst_cmd *cmd, uint8_t key, uint8_t asc, uint8_t ascq, uint16_t progress);
    /* BUSY or TASK SET FULL, whichever fits. */
    void (*cmd_set_busy)(struct scst_cmd *cmd);
    /* 1 when the command was aborted: long work should stop. */
    int32_t (*cmd_aborted)(const struct scst_cmd *cmd);
    /* The reactor that the command belongs to. */
    struct scst_reactor *(*cmd_reactor)(const struct scst_cmd *cmd);
    /* Opaque number of the command's I_T nexus, the same for all its commands on all LUNs; see nexus_lost(). */
    uint64_t (*cmd_nexus_id)(const struct scst_cmd *cmd);
    /* How the nexus looks from the device. `info->struct_size` is set by the caller. */
    void (*cmd_port_info)(const struct scst_cmd *cmd, struct scst_port_info *info);

    /* ---- devices: for handlers; `device` is the handle of add_device() ---- */
    /* Any thread. */
    const char *(*device_name)(const struct scst_device *device);
    /* Any thread: block size and capacity, which the core needs to decode CDBs and check ranges. Call once in
     * add_device() and on each change; a changed capacity raises CAPACITY DATA HAS CHANGED on all nexuses when `notify`
     * is 1. */
    void (*device_set_capacity)(struct scst_device *device, uint32_t block_size, uint64_t block_count, int32_t notify);
    /* Any thread: the Control mode page changed (or was loaded). */
    void (*device_set_control_mode)(struct scst_device *device, const struct scst_control_mode *mode);
    /* Management or worker: the device as a whole is read-only (1) or not. */
    void (*device_set_read_only)(struct scst_device *device, int32_t read_only);
    /* Any thread: SET TARGET PORT GROUPS is allowed (the expl_alua attribute). */
    void (*device_set_explicit_alua)(struct scst_device *device, int32_t allowed);
    /* Any thread: queues a unit attention on every nexus of the device but the one of `except` (may be NULL), or sends
     * it as an event where the session takes events and `asc` is one of 2A/09, 3F/03. */
    void (*device_unit_attention)(struct scst_device *device, uint8_t asc, uint8_t ascq, const struct scst_cmd *except);
    /* Management thread: waits until no command of the device is running and holds new ones; -EBUSY after
     * `timeout_ms`. Every success needs one device_resume(). Other devices notice nothing. */
    int32_t (*device_suspend)(struct scst_device *device, uint64_t timeout_ms);
    void (*device_resume)(struct scst_device *device);
    /* The SCST setup_id setting, for default identities. */
    uint32_t (*setup_id)(void);
    /* Management thread: 1 when another device has this unit serial number. Handlers keep it by device_set_usn(). */
    int32_t (*device_usn_in_use)(const struct scst_device *device, const char *usn);
    /* Management thread: identity used by EXTENDED COPY to find a device: the body of VPD page 83h. */
    void (*device_set_identity)(struct scst_device *device, const char *usn, const uint8_t *page_83,
                                uint32_t page_83_length);

    /* ---- appended ---- */
    /* Any thread: target_has_luns_for() asked of the management thread. `done(argument, 1)`, or 0 when the initiator
     * gets no LUN or the target is gone meanwhile, runs on `reactor`, and always before the plugin's exit(). */
    void (*target_query_luns)(struct scst_target *target, struct scst_reactor *reactor, const char *initiator_name,
                              void (*done)(void *argument, int32_t has_luns), void *argument);
};

#ifdef __cplusplus
}
#endif
#endif
