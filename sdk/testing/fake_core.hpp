// SPDX-License-Identifier: Apache-2.0
// fake_core: a core for unit tests of device handlers. Register a handler (or a plugin), add devices, run CDBs, and
// look at what the handler told the core: capacity, mode, unit attentions, log lines, errors.
//
// exec() is called as the real core does: first without SCST_CMD_ON_WORKER, again with it after
// SCST_EXEC_NEED_THREAD; a pending command is waited for. One fake core exists at a time, because the core's table
// carries no context. The thread that made it is management thread, reactor and worker in one; cmd_done() may come
// from any thread.
#pragma once

#include <scst/plugin.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct scst_device;

namespace scst::testing {

using bytes = std::vector<std::uint8_t>;

// "12 01 b0 00 ff 00" or "1201b0": hex with or without blanks.
bytes from_hex(std::string_view text);
std::string to_hex(std::span<const std::uint8_t> data);

// How a command ended.
struct outcome {
    std::uint8_t status = 0;
    bytes data;  // what a READ-like command returned
    bytes sense; // fixed format
    std::uint32_t segment_kind = SCST_SEGMENT_MEMORY;
    bool on_worker = false;
    std::int32_t answer = SCST_EXEC_DONE; // the last answer of exec()

    [[nodiscard]] bool good() const noexcept { return status == SCST_STATUS_GOOD; }
    // KEY << 16 | ASC << 8 | ASCQ, or 0.
    [[nodiscard]] std::uint32_t code() const noexcept;
    // The field pointer: -1 without one.
    [[nodiscard]] int field_byte() const noexcept;
    [[nodiscard]] int field_bit() const noexcept;
    [[nodiscard]] std::uint16_t progress() const noexcept;
};

// How to run a command.
struct run_options {
    bytes data_out;
    std::uint64_t expected_length = ~std::uint64_t{0}; // the transport's; default: what the CDB says
    std::uint32_t flags = 0;                           // SCST_CMD_FILE_RANGES_OK …
    std::uint64_t nexus = 1;
    std::size_t segment_size = 0; // 0: one segment
    bool aborted = false;         // cmd_aborted() says yes
};

struct attention {
    std::uint8_t asc;
    std::uint8_t ascq;
    bool except_issuer;
    bool operator==(const attention &) const = default;
};

class fake_core {
  public:
    explicit fake_core(std::string state_dir = {});
    ~fake_core();
    fake_core(const fake_core &) = delete;
    fake_core &operator=(const fake_core &) = delete;

    [[nodiscard]] const scst_core *table() const noexcept { return &table_; }
    [[nodiscard]] scst_plugin_ref *plugin() noexcept { return nullptr; }
    // Runs the plugin's init(); exit() comes with the destructor.
    std::int32_t load(const scst_plugin *plugin);
    // The same with a plugin's file. It stays loaded until the program ends.
    std::int32_t load_file(const std::string &path);

    using parameters = std::vector<std::pair<std::string, std::string>>;
    // Adds a device of the registered handler of this name. Throws nothing: see last_error().
    std::int32_t add_device(std::string_view handler, const std::string &name, const parameters &given);
    void del_device(const std::string &name);

    outcome run(const std::string &device, std::span<const std::uint8_t> cdb, const run_options &how = {});
    outcome run(const std::string &device, std::string_view cdb_hex, const run_options &how = {}) {
        return run(device, from_hex(cdb_hex), how);
    }
    // Starts a command that stays pending; finish() waits for it.
    void begin(const std::string &device, std::string_view cdb_hex, const run_options &how = {});
    [[nodiscard]] bool pending_done();
    outcome finish();
    // Calls the handler's abort() for the command of begin().
    void abort_pending();

    // The text of an attribute, and writing one (0 or -errno).
    std::string show(const std::string &device, std::string_view attribute);
    std::int32_t store(const std::string &device, std::string_view attribute, std::string_view text);
    std::vector<std::string> attributes(const std::string &device);

    // ---- what was told ----
    struct device_state {
        std::uint32_t block_size = 0;
        std::uint64_t block_count = 0;
        int capacity_notices = 0;
        scst_control_mode mode{};
        bool read_only = false;
        bool explicit_alua = false;
        std::string usn;
        bytes identity;
        std::vector<attention> attentions;
        int suspensions = 0;
    };
    device_state &state(const std::string &device);
    const scst_handler *handler(std::string_view name) const;
    void *handler_device(const std::string &device);
    [[nodiscard]] const std::string &last_error() const noexcept { return error_text_; }
    std::vector<std::string> log_lines();
    scst_port_info port{};
    std::map<std::string, std::string> settings;
    bool refuse_suspend = false;

    struct command; // fake_core.cpp

  private:
    friend struct core_functions;
    struct device_entry;

    device_entry &entry(const std::string &device);
    std::unique_ptr<command> make(const std::string &device, std::span<const std::uint8_t> cdb, const run_options &how);
    void execute(command &cmd);
    outcome collect(command &cmd);

    scst_core table_{};
    std::string state_dir_;
    std::vector<std::pair<const scst_handler *, void *>> handlers_;
    std::vector<std::pair<const scst_plugin *, void *>> plugins_;
    std::map<std::string, std::unique_ptr<device_entry>> devices_;
    std::unique_ptr<command> pending_;
    std::string error_text_;
    std::mutex mutex_; // guards what other threads may write: log, attentions, done flags
    std::condition_variable changed_;
    std::vector<std::string> log_;
};

} // namespace scst::testing
