// SPDX-License-Identifier: Apache-2.0
// device: one virtual disk or CD-ROM: what it is, how it is now, and the backend behind it.
//
// Threads: made, changed by attributes and destroyed on the management thread. Commands run on reactors, workers and
// the background thread at once: they read constants, atomics, and, under `mutex_` (a leaf: nothing is called while it
// is held), the values that mode and identity pages show. The READ and WRITE path takes no lock. The backend is opened
// and closed only while the device is suspended (core.device_suspend), so that a command never sees it go.
#pragma once

#include "background.hpp"
#include "identity.hpp"
#include "medium.hpp"
#include "mode_state.hpp"
#include "saved_pages.hpp"
#include "settings.hpp"

#include <scst/log.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace scst::vdisk {

struct handler_context {
    const scst_core *core;
    scst_plugin_ref *plugin;
    const scst_block_backend *backend;
    void *self;
};

// Why medium commands can't run now; bits of device::gate().
inline constexpr std::uint32_t gate_closed = 1;           // the backend is not open (active 0, ALUA): 3A/00
inline constexpr std::uint32_t gate_ejected = 2;          // START STOP UNIT, no disc: 3A/00
inline constexpr std::uint32_t gate_formatting = 4;       // 04/04
inline constexpr std::uint32_t gate_sanitizing = 8;       // 04/1B
inline constexpr std::uint32_t gate_sanitize_failed = 16; // 31/03

class device {
  public:
    device(const handler_context &context, scst_device *handle, std::string name, settings wanted);
    ~device();
    device(const device &) = delete;
    device &operator=(const device &) = delete;

    // Management: everything that can fail in add_device. 0 or -errno with a reason.
    int start(scst_error *error);

    // ---- constants ----
    [[nodiscard]] const scst_core &core() const noexcept { return *context_.core; }
    [[nodiscard]] const handler_context &context() const noexcept { return context_; }
    [[nodiscard]] const scst_block_backend &backend() const noexcept { return *context_.backend; }
    [[nodiscard]] scst_device *handle() const noexcept { return handle_; }
    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] bool is_cdrom() const noexcept { return context_.backend->device_type == SCST_TYPE_CDROM; }
    [[nodiscard]] std::uint32_t block_shift() const noexcept { return block_shift_; }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return 1u << block_shift_; }
    [[nodiscard]] const logger &log() const noexcept { return log_; }

    // ---- any thread ----
    [[nodiscard]] std::uint32_t gate() const noexcept { return gate_.load(std::memory_order_acquire); }
    void close_gate(std::uint32_t bits) noexcept { gate_.fetch_or(bits, std::memory_order_acq_rel); }
    void open_gate(std::uint32_t bits) noexcept { gate_.fetch_and(~bits, std::memory_order_acq_rel); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return blocks_.load(std::memory_order_relaxed); }
    [[nodiscard]] medium *backing() const noexcept { return medium_.load(std::memory_order_acquire); }
    // Writes have to be stable before they are done: WCE = 0 and no non-volatile cache.
    [[nodiscard]] bool write_through() const noexcept { return write_through_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool nv_cache() const noexcept { return nv_cache_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool thin() const noexcept { return thin_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool d_sense() const noexcept { return d_sense_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool unmap_zeroes() const noexcept;
    [[nodiscard]] identity id() const;
    [[nodiscard]] mode_state mode() const;
    [[nodiscard]] mode_state saved_mode() const;
    [[nodiscard]] mode_state default_mode() const;
    [[nodiscard]] bool can_save_pages() const noexcept { return saved_pages_.available(); }
    [[nodiscard]] std::uint32_t physical_exponent() const noexcept;
    [[nodiscard]] std::uint64_t optimal_transfer() const noexcept;
    // Constant after start() but for what the management thread changes with its attributes (read by it alone).
    [[nodiscard]] const settings &config() const noexcept { return config_; }
    [[nodiscard]] bool lb_per_pb_exp() const noexcept { return lb_per_pb_exp_.load(std::memory_order_relaxed); }

    // Worker: another current mode (and saved one). False: saving failed, nothing is changed.
    bool change_mode(const mode_state &mode, bool save, const scst_cmd *by);
    // LUN or target reset: back to saved pages; removal allowed.
    void reset();

    // PREVENT ALLOW MEDIUM REMOVAL, per I_T nexus.
    void prevent(std::uint64_t nexus, bool on);
    [[nodiscard]] bool removal_prevented() const;
    void nexus_lost(std::uint64_t nexus);

    // READ BUFFER / WRITE BUFFER; zeros until written.
    void buffer_write(std::size_t offset, std::span<const std::uint8_t> bytes);
    void buffer_read(std::size_t offset, std::span<std::uint8_t> bytes) const;

    void count_read_error() noexcept { read_errors_.fetch_add(1, std::memory_order_relaxed); }
    void count_write_error() noexcept { write_errors_.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t read_errors() const noexcept { return read_errors_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t write_errors() const noexcept { return write_errors_.load(std::memory_order_relaxed); }
    void clear_counters() noexcept;

    [[nodiscard]] background &job() noexcept { return job_; }

    // ---- management thread ----
    int set_active(bool active, scst_error *error);
    int set_filename(std::string_view path, scst_error *error);
    int set_size(std::uint64_t bytes, scst_error *error);
    int resync_size(scst_error *error);
    int set_optimal_transfer(std::uint64_t bytes, scst_error *error);
    // Changes the identity and tells all nexuses (3F/03).
    template <typename Change>
    void change_identity(Change change) {
        {
            const std::lock_guard lock{mutex_};
            change(identity_);
        }
        publish_identity();
        core().device_unit_attention(handle_, 0x3f, 0x03, nullptr);
    }
    settings &config_for_change() noexcept { return config_; }
    void set_lb_per_pb_exp(bool on) noexcept;
    void set_explicit_alua(bool on) noexcept;
    int alua_state_changed(const char *old_state, const char *new_state);
    void ending() noexcept { job_.stop(); }
    [[nodiscard]] bool optimal_transfer_set() const noexcept { return optimal_set_; }

    // CD-ROM: a medium arrives or leaves.
    int load_disc(std::string_view path, scst_error *error);

  private:
    int open_medium(bool creating, scst_error *error);
    void close_medium();
    int suspended_close(scst_error *error);
    void take_info();
    void publish_capacity(bool notify);
    void publish_identity();
    void publish_mode();
    void load_saved_mode();

    handler_context context_;
    scst_device *handle_;
    std::string name_;
    settings config_;
    logger log_;
    std::uint32_t block_shift_ = 9;

    std::unique_ptr<medium> owned_medium_; // management thread
    std::atomic<medium *> medium_ = nullptr;
    std::atomic<std::uint32_t> gate_ = gate_closed;
    std::atomic<std::uint64_t> blocks_ = 0;
    std::atomic<std::uint64_t> optimal_transfer_ = 524288; // bytes
    std::atomic<std::uint32_t> physical_block_size_ = 4096;
    std::atomic<bool> write_through_ = false;
    std::atomic<bool> nv_cache_ = false;
    std::atomic<bool> thin_ = false;
    std::atomic<bool> d_sense_ = false;
    std::atomic<bool> lb_per_pb_exp_ = true;
    std::atomic<bool> unmap_zeroes_ = false;
    std::atomic<std::uint64_t> read_errors_ = 0;
    std::atomic<std::uint64_t> write_errors_ = 0;
    bool optimal_set_ = false;
    bool bound_closed_ = false; // closed by bind_alua_state

    mutable std::mutex mutex_; // guards what follows
    identity identity_;
    mode_state mode_;
    mode_state saved_;
    mode_state defaults_;
    mode_state after_reset_; // saved or, when nothing was saved, as created
    std::set<std::uint64_t> preventers_;
    std::vector<std::uint8_t> buffer_;

    std::mutex change_mutex_; // one MODE SELECT or reset at a time; held while saving
    saved_pages saved_pages_;
    background job_;
};

inline constexpr std::size_t data_buffer_size = 65536;
inline constexpr std::uint64_t default_null_size = std::uint64_t{5} << 39;
inline constexpr std::uint64_t default_max_unmap = std::uint64_t{256} << 20;
inline constexpr std::uint64_t max_write_same = std::uint64_t{256} << 20;
inline constexpr std::uint64_t max_transfer = std::uint64_t{8} << 20;
inline constexpr std::uint64_t suspend_timeout_ms = 90'000;

} // namespace scst::vdisk
