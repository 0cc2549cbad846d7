/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block.h: a block backend: what keeps the bytes, while libscst_vdisk is the SCSI disk in front of it.
 *
 * Give it open, close, read, write and flush, call scst_block_register() from the plugin's init(), link the plugin
 * with libscst_vdisk.a: the result is a complete handler with SCST's parameters, attributes, identity and SCSI
 * commands. See sdk/vdisk/README.md for a disk in fifty lines.
 *
 * Threads. Without flags, read() and write() run on worker threads and may block and be entered by several threads at
 * once. With SCST_BLOCK_NONBLOCKING they are first called on a reactor without SCST_BLOCK_IO_MAY_BLOCK and must answer
 * SCST_BLOCK_WOULD_BLOCK there rather than wait. flush(), unmap(), write_zeroes(), block_status() always run on a
 * worker or management thread. open(), close() and refresh() run on the management thread; while close() runs no other
 * call is or will be made on that handle.
 */
#ifndef SCST_BLOCK_H
#define SCST_BLOCK_H

#include <scst/core.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Answers of read() and write() besides 0 (done) and -errno. */
#define SCST_BLOCK_PENDING 1     /* exactly one scst_block_done() follows, perhaps before the call returned */
#define SCST_BLOCK_WOULD_BLOCK 2 /* nothing was done: call again with SCST_BLOCK_IO_MAY_BLOCK */

/* Backend flags: how it works. */
#define SCST_BLOCK_NONBLOCKING 1u /* read() and write() honour a missing SCST_BLOCK_IO_MAY_BLOCK */
#define SCST_BLOCK_ASYNC 2u       /* read() and write() may answer SCST_BLOCK_PENDING */
#define SCST_BLOCK_NO_CONTENT 4u  /* keeps no data: VERIFY compares nothing (the null device) */
/* Backend flags: which of SCST's parameters and attributes its devices have besides the common ones. */
#define SCST_BLOCK_HAS_FILENAME 0x100u   /* filename is required; active, bind_alua_state, sync, resync_size */
#define SCST_BLOCK_HAS_CACHE 0x200u      /* write_through, nv_cache */
#define SCST_BLOCK_HAS_THIN 0x400u       /* thin_provisioned */
#define SCST_BLOCK_HAS_DIRECT 0x800u     /* o_direct, async */
#define SCST_BLOCK_HAS_SIZE 0x1000u      /* size and size_mb are creation parameters */
#define SCST_BLOCK_SIZE_WRITABLE 0x2000u /* size and size_mb can be written: resize() */
#define SCST_BLOCK_HAS_DUMMY 0x4000u     /* dummy, read_zero */
#define SCST_BLOCK_BIND_ALUA 0x8000u     /* bind_alua_state is 1 by default */
#define SCST_BLOCK_AUTO_THIN 0x10000u    /* thin_provisioned is 1 by default where unmap works */

/* Flags of one transfer. */
#define SCST_BLOCK_IO_MAY_BLOCK 1u /* the caller is a worker thread */
#define SCST_BLOCK_IO_FUA 2u       /* WRITE: on stable storage before it is done */

/*
 * One transfer of contiguous bytes within the device. Belongs to the library; valid until the call returned with
 * another answer than SCST_BLOCK_PENDING, or until scst_block_done().
 */
struct scst_block_io {
    uint32_t struct_size;
    uint32_t flags; /* SCST_BLOCK_IO_* */
    uint64_t offset;
    uint64_t length;
    uint8_t *buffer;
    struct scst_reactor *reactor; /* the reactor that calls, NULL on a worker */
    void *backend_data;           /* the backend's; NULL at first */
};

#define SCST_BLOCK_LOAN_FILE_OK 1u   /* set by the library: a file range can be used */
#define SCST_BLOCK_LOAN_PERMANENT 2u /* set by the backend: valid until the plugin's exit(), not only until close() */

/* Where the bytes of a READ already lie; see lend(). */
struct scst_block_loan {
    uint32_t struct_size;
    uint32_t flags;   /* SCST_BLOCK_LOAN_* */
    uint32_t kind;    /* SCST_SEGMENT_MEMORY or SCST_SEGMENT_FILE */
    int32_t fd;       /* file */
    uint8_t *address; /* memory: only read from */
    uint64_t offset;  /* file: byte offset */
};

#define SCST_BLOCK_OPEN_READ_ONLY 1u
#define SCST_BLOCK_OPEN_DIRECT 2u   /* o_direct */
#define SCST_BLOCK_OPEN_CREATING 4u /* called by add_device (the first time) and size was given */

/* What open() is told. Strings are borrowed for the call. */
struct scst_block_open {
    uint32_t struct_size;
    uint32_t flags; /* SCST_BLOCK_OPEN_* */
    const char *device_name;
    const char *filename; /* NULL when the backend has none */
    uint64_t size;        /* bytes asked for; 0: not given */
    uint32_t block_size;  /* bytes, a power of two from 512 */
    uint32_t parameter_count;
    const struct scst_parameter *parameters; /* the backend's own ones (scst_block_backend::parameters) */
};

#define SCST_BLOCK_CAN_UNMAP 1u
#define SCST_BLOCK_NO_VOLATILE_CACHE 2u /* flush() does nothing: nv_cache is switched on */
#define SCST_BLOCK_UNMAP_ZEROES 4u      /* the backing device promises zeros after unmap(); sets LBPRZ */

/* What open() and refresh() tell; zero means SCST's default. */
struct scst_block_info {
    uint32_t struct_size;
    uint32_t flags;               /* SCST_BLOCK_CAN_UNMAP … */
    uint64_t size;                /* bytes; a last incomplete block is not used */
    uint64_t max_unmap;           /* bytes in one UNMAP; 0: 256 MiB */
    uint32_t physical_block_size; /* bytes; 0: 4096 */
    uint32_t optimal_io;          /* bytes; 0: as opt_trans_len */
    uint32_t unmap_granularity;   /* bytes; 0: one block */
    uint32_t unmap_alignment;     /* bytes */
};

/* A run of equal provisioning state; see block_status(). */
struct scst_block_extent {
    uint32_t struct_size;
    uint32_t allocated; /* 1 mapped, 0 deallocated */
    uint64_t length;    /* bytes from the offset asked for, at least 1 */
};

/* The backend. The table and what it points to stays valid while the plugin is loaded. */
struct scst_block_backend {
    uint32_t struct_size;
    uint32_t flags;        /* SCST_BLOCK_* */
    const char *name;      /* the handler's name as in scst.conf, at most 49 characters */
    const char *vendor;    /* default t10_vend_id, at most 8 characters; NULL: "SCST_FIO" */
    int32_t threads_num;   /* default number of workers per device; 0: 8 */
    uint32_t device_type;  /* SCST_TYPE_DISK or SCST_TYPE_CDROM */
    uint64_t default_size; /* bytes, when size is a parameter and not given; 0: it must be given */
    uint32_t parameter_count;
    uint32_t reserved_0;
    const char *const *parameters; /* further creation parameters of the backend's own, handed to open() */

    /* Management, required. Stores its handle in *medium and fills `info`. 0 or -errno with a reason. */
    int32_t (*open)(void *self, const struct scst_block_open *request, void **medium, struct scst_block_info *info,
                    struct scst_error *error);
    /* Management, required. */
    void (*close)(void *medium);
    /* Required: all of io->length bytes or an error. */
    int32_t (*read)(void *medium, struct scst_block_io *io);
    int32_t (*write)(void *medium, struct scst_block_io *io);
    /* Optional: everything acknowledged so far is on stable storage when it returns 0. */
    int32_t (*flush)(void *medium);
    /* Optional: frees the space; the bytes read as zeros afterwards (-EOPNOTSUPP where that can't be promised). */
    int32_t (*unmap)(void *medium, uint64_t offset, uint64_t length);
    /* Optional: writes zeros fast. -EOPNOTSUPP: the library writes them itself. */
    int32_t (*write_zeroes)(void *medium, uint64_t offset, uint64_t length);
    /* Optional: state of the bytes at `offset`. Without it everything is mapped. */
    int32_t (*block_status)(void *medium, uint64_t offset, struct scst_block_extent *extent);
    /* Optional: size and limits again (resync_size). */
    int32_t (*refresh)(void *medium, struct scst_block_info *info, struct scst_error *error);
    /* Optional, needs SCST_BLOCK_SIZE_WRITABLE: another size. */
    int32_t (*resize)(void *medium, uint64_t size, struct scst_error *error);
    /* Optional, reactor or worker, never blocks: lends the bytes of a READ instead of copying them. 0 and *loan, or
     * -errno: read() is called. What is lent stays valid and open until close(); the library calls close() only after
     * all loans have come back. */
    int32_t (*lend)(void *medium, uint64_t offset, uint64_t length, struct scst_block_loan *loan);
    /* Optional, worker: the READ of this range will be asked for soon. */
    void (*prefetch)(void *medium, uint64_t offset, uint64_t length);
    /* Optional: bytes used and free of a thin device (LOG SENSE 0Ch). */
    int32_t (*space)(void *medium, uint64_t *used, uint64_t *available);
    /* Optional, reactor: all commands of a batch were given to read() and write(): submit what was collected. */
    void (*end_of_batch)(void *medium, struct scst_reactor *reactor);
    /* Optional: frees the space; what the bytes read as afterwards is not defined. UNMAP uses it instead of unmap(). */
    int32_t (*discard)(void *medium, uint64_t offset, uint64_t length);
};

/* A registered backend; opaque. */
struct scst_block_handler;

/* Within init(): registers the backend as a handler. On success *handler is to be given back in exit(). */
int32_t scst_block_register(const struct scst_core *core, struct scst_plugin_ref *plugin,
                            const struct scst_block_backend *backend, void *self, struct scst_block_handler **handler,
                            struct scst_error *error);
/* Within exit(), or init() when it fails afterwards. */
void scst_block_unregister(struct scst_block_handler *handler);
/* Any thread: ends a transfer that answered SCST_BLOCK_PENDING: 0 or -errno. */
void scst_block_done(struct scst_block_io *io, int32_t result);

#ifdef __cplusplus
}
#endif
#endif
