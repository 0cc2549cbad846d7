/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types.h: constants and plain structs that both sides of the plugin ABI share.
 *
 * Pure C, fixed-width integers, no bit-fields, no enum fields, no bool: the layout is the same for every compiler.
 * A struct that crosses the border starts with its own size; members are only ever appended.
 */
#ifndef SCST_TYPES_H
#define SCST_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCST_ABI_VERSION 1u

/* Direction of the data phase, seen from the initiator (SAM-5 5.1). */
#define SCST_DATA_NONE 0u
#define SCST_DATA_READ 1u  /* data-in: device to initiator */
#define SCST_DATA_WRITE 2u /* data-out: initiator to device */

/* Task attributes (SAM-5 8.6); the numbers are those of RFC 7143 11.3.1. */
#define SCST_TASK_UNTAGGED 0u
#define SCST_TASK_SIMPLE 1u
#define SCST_TASK_ORDERED 2u
#define SCST_TASK_HEAD_OF_QUEUE 3u
#define SCST_TASK_ACA 4u

/* SCSI status codes (SAM-5 5.3). */
#define SCST_STATUS_GOOD 0x00u
#define SCST_STATUS_CHECK_CONDITION 0x02u
#define SCST_STATUS_CONDITION_MET 0x04u
#define SCST_STATUS_BUSY 0x08u
#define SCST_STATUS_RESERVATION_CONFLICT 0x18u
#define SCST_STATUS_TASK_SET_FULL 0x28u
#define SCST_STATUS_ACA_ACTIVE 0x30u
#define SCST_STATUS_TASK_ABORTED 0x40u

/* Sense keys (SPC-4 4.5.6). */
#define SCST_SENSE_NO_SENSE 0x0u
#define SCST_SENSE_RECOVERED_ERROR 0x1u
#define SCST_SENSE_NOT_READY 0x2u
#define SCST_SENSE_MEDIUM_ERROR 0x3u
#define SCST_SENSE_HARDWARE_ERROR 0x4u
#define SCST_SENSE_ILLEGAL_REQUEST 0x5u
#define SCST_SENSE_UNIT_ATTENTION 0x6u
#define SCST_SENSE_DATA_PROTECT 0x7u
#define SCST_SENSE_COPY_ABORTED 0xAu
#define SCST_SENSE_ABORTED_COMMAND 0xBu
#define SCST_SENSE_MISCOMPARE 0xEu

/* Peripheral device types (SPC-4 6.6.2). */
#define SCST_TYPE_DISK 0x00u
#define SCST_TYPE_CDROM 0x05u

#define SCST_MAX_CDB_SIZE 260u   /* bytes; RFC 7143 extended CDB, SPC-4 4.2.3 */
#define SCST_MAX_SENSE_SIZE 252u /* bytes; SPC-4 4.5.1 */
#define SCST_MAX_LUN 16383u      /* first-level LUNs of 14 bits, as SCST has them */

/* Task management functions (SAM-5 7). ABORT_TASK .. TARGET_RESET bear SCST's numbers. */
#define SCST_TM_ABORT_TASK 0u
#define SCST_TM_ABORT_TASK_SET 1u
#define SCST_TM_CLEAR_ACA 2u
#define SCST_TM_CLEAR_TASK_SET 3u
#define SCST_TM_LUN_RESET 4u
#define SCST_TM_TARGET_RESET 5u
#define SCST_TM_NEXUS_LOSS_SESSION 6u
#define SCST_TM_ABORT_ALL_TASKS_SESSION 7u
#define SCST_TM_QUERY_TASK 12u
#define SCST_TM_QUERY_TASK_SET 13u
#define SCST_TM_QUERY_ASYNC_EVENT 14u
#define SCST_TM_I_T_NEXUS_RESET 15u

/* Outcome of a task management function. */
#define SCST_TM_STATUS_COMPLETE 0
#define SCST_TM_STATUS_SUCCEEDED 1 /* queries only: "function succeeded", the task or event exists */
#define SCST_TM_STATUS_TASK_NOT_EXIST (-1)
#define SCST_TM_STATUS_LUN_NOT_EXIST (-2)
#define SCST_TM_STATUS_NOT_SUPPORTED (-5)
#define SCST_TM_STATUS_FAILED (-129)
#define SCST_TM_STATUS_REJECTED (-255)

/* Log levels. ERROR: someone must act. WARNING: peer or configuration is odd. INFO: life cycle. DEBUG: transitions.
 * TRACE: every PDU and CDB. */
#define SCST_LOG_TRACE 0u
#define SCST_LOG_DEBUG 1u
#define SCST_LOG_INFO 2u
#define SCST_LOG_WARNING 3u
#define SCST_LOG_ERROR 4u

/* Objects that only the core looks into. */
struct scst_plugin_ref;
struct scst_reactor;
struct scst_watch;
struct scst_timer;
struct scst_device;
struct scst_target;
struct scst_session;
struct scst_cmd;
struct scst_core;

/*
 * Where an error text goes. The core lends it for one call; fill it with the core's error_set(). One sentence,
 * no newline, naming the object and the reason; it is what the administrator reads.
 */
struct scst_error {
    uint32_t struct_size;
    char text[252]; /* NUL terminated; empty means "strerror() of the returned errno says it all" */
};

/* Where an attribute's show() writes its text. */
struct scst_writer {
    uint32_t struct_size;
    uint32_t reserved_0;
    void (*write)(struct scst_writer *writer, const char *text, size_t length);
};

/* One NAME=VALUE of a management command. Both strings are borrowed for the call. */
struct scst_parameter {
    const char *name;
    const char *value;
};

/* Attribute flags. */
#define SCST_ATTR_READ 1u
#define SCST_ATTR_WRITE 2u
#define SCST_ATTR_SECRET 4u /* readable by the owner only (file mode 0600) */

/*
 * A named value of the management tree. The table that holds attributes must stay valid while the plugin is loaded.
 * `object` is what the plugin handed out for the object the attribute belongs to (device, target, session …).
 *
 * show:  writes the value as SCST prints it: text, newline, and the line "[key]" when the value differs from its
 *        default and has to be saved. Returns 0 or -errno.
 * store: `text` has `length` bytes, at most one trailing newline is already removed. Returns 0 or -errno; nothing is
 *        changed when it fails.
 * Both run on the management thread, never on a reactor.
 */
struct scst_attribute {
    uint32_t struct_size;
    uint32_t flags;
    const char *name;
    int32_t (*show)(void *object, const struct scst_attribute *attribute, struct scst_writer *out);
    int32_t (*store)(void *object, const struct scst_attribute *attribute, const char *text, size_t length,
                     struct scst_error *error);
};

/* What a data segment is made of. */
#define SCST_SEGMENT_MEMORY 0u
#define SCST_SEGMENT_FILE 1u /* a range of a file descriptor, sent with sendfile(); READ only */

/*
 * A piece of a command's data. Lent by whoever set it (core, driver or handler) until the command is finished.
 */
struct scst_segment {
    uint32_t kind;
    int32_t fd;       /* SCST_SEGMENT_FILE */
    uint64_t length;  /* bytes */
    uint8_t *address; /* SCST_SEGMENT_MEMORY */
    uint64_t offset;  /* SCST_SEGMENT_FILE: byte offset in the file */
};

/* Flags of a command (scst_cmd::flags). */
#define SCST_CMD_FILE_RANGES_OK 1u   /* the driver can send file segments */
#define SCST_CMD_IMMEDIATE 2u        /* iSCSI immediate delivery */
#define SCST_CMD_INTERNAL 4u         /* made by the core; no driver behind it */
#define SCST_CMD_ON_WORKER 8u        /* exec() runs on a worker thread and may block */
#define SCST_CMD_READ_ONLY_LUN 16u   /* the LUN (not the device) is read-only for this nexus */
#define SCST_CMD_WRITE_TRUNCATED 32u /* the initiator sends less than the CDB asks for */

/*
 * The public part of a command. Plain fields, readable without a call. Memory belongs to the core; a driver gets it
 * from cmd_alloc() and gives it back with cmd_finished(); a handler has it from exec() to cmd_done().
 *
 * "driver sets" fields are set between cmd_alloc() and cmd_submit(); the core sets the others; a handler changes only
 * those marked "handler".
 */
struct scst_cmd {
    uint32_t struct_size;
    uint32_t flags;             /* SCST_CMD_*; driver may set IMMEDIATE and FILE_RANGES_OK */
    void *driver_data;          /* driver's */
    void *handler_data;         /* handler's, NULL when exec() is called first */
    uint64_t tag;               /* driver sets; unique among the live commands of the session */
    uint8_t lun_bytes[8];       /* driver sets; as on the wire (SAM-5 4.7) */
    uint32_t lun;               /* decoded, 0..SCST_MAX_LUN */
    uint32_t transport_sn;      /* driver sets; CmdSN, orders task management against commands */
    uint32_t cdb_length;        /* driver sets; bytes valid in cdb[], 6..SCST_MAX_CDB_SIZE */
    uint8_t task_attribute;     /* driver sets; SCST_TASK_* */
    uint8_t expected_direction; /* driver sets; SCST_DATA_* as the transport announced it */
    uint8_t data_direction;     /* SCST_DATA_* as the CDB says */
    uint8_t status;             /* handler; SCST_STATUS_* */
    uint64_t expected_length;   /* driver sets; bytes the transport announced */
    uint64_t data_length;       /* bytes the CDB asks for (0 when data_direction is NONE) */
    uint64_t transfer_length;   /* bytes that really move: min(expected_length, data_length) */
    uint64_t lba;               /* of block commands, else 0 */
    uint64_t block_count;       /* of block commands, also of those that transfer none (VERIFY, WRITE SAME …) */
    uint64_t response_length;   /* handler (READ): bytes to send, at most transfer_length; preset to transfer_length */
    uint64_t residual_count;    /* for the driver's response: bytes */
    uint32_t residual_kind;     /* 0 none, 1 underflow, 2 overflow (RFC 7143 11.4.5) */
    uint32_t segment_count;
    struct scst_segment *segments;
    uint32_t sense_length; /* bytes valid in sense[] */
    uint32_t opcode_key;   /* opcode << 16 | service action, or opcode << 16 | 0xffff without one */
    uint8_t sense[SCST_MAX_SENSE_SIZE];
    uint8_t cdb[SCST_MAX_CDB_SIZE]; /* driver sets */
};

/* Tells what a nexus looks like from the device (INQUIRY and VPD pages need it). */
struct scst_port_info {
    uint32_t struct_size;
    uint16_t relative_target_port_id;
    uint16_t target_port_group_id; /* 0: the port is in no group that has an id */
    uint8_t tpgs;             /* INQUIRY TPGS: 0, 1 implicit, 3 implicit and explicit; explicit as the handler said */
    uint8_t port_unavailable; /* 1: ALUA state unavailable or offline: INQUIRY shows peripheral qualifier 1 */
    uint8_t in_device_group;  /* 1: the device is member of a device group */
    uint8_t reserved_0;
    uint16_t physical_transport_version; /* INQUIRY version descriptors, 0 = none */
    uint16_t scsi_transport_version;
    const char *initiator_name; /* borrowed */
    const char *target_name;    /* borrowed */
};

/* Fields of the Control mode page that the core acts on (SPC-4 7.5.9). */
struct scst_control_mode {
    uint32_t struct_size;
    uint8_t tst;             /* 0 one task set for all nexuses, 1 one per nexus */
    uint8_t tmf_only;        /* 0, 1 */
    uint8_t d_sense;         /* 0 fixed, 1 descriptor format */
    uint8_t queue_algorithm; /* 0 restricted reordering, 1 unrestricted */
    uint8_t qerr;            /* 0, 1, 3 */
    uint8_t ua_intlck;       /* 0, 2, 3 */
    uint8_t swp;             /* 0, 1 */
    uint8_t tas;             /* 0, 1 */
    uint8_t nuar;            /* reserved, 0 */
    uint8_t reserved_0[3];
};

#ifdef __cplusplus
}
#endif
#endif
