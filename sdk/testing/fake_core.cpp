// SPDX-License-Identifier: Apache-2.0
// See fake_core.hpp.
#include "fake_core.hpp"

#include "cdb_decode.hpp"

#include <scst/bytes.hpp>
#include <scst/text.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <dlfcn.h>
#include <stdexcept>
#include <unistd.h>

// What the real core hides behind these names.
struct scst_device {
    scst::testing::fake_core *core = nullptr;
    std::string name;
    scst::testing::fake_core::device_state state;
    std::uint32_t setup_id = 0;
};

namespace scst::testing {

namespace {
fake_core *current = nullptr;
} // namespace

struct fake_core::device_entry {
    scst_device handle;
    const scst_handler *handler = nullptr;
    void *object = nullptr;
};

struct fake_core::command {
    scst_cmd cmd{};
    device_entry *device = nullptr;
    std::vector<scst_segment> segments;
    bytes buffer; // of cmd_alloc_buffer() or data-out
    run_options how;
    bool done = false;
    bool went_to_worker = false;
    std::int32_t answer = SCST_EXEC_DONE;
};
static_assert(offsetof(fake_core::command, cmd) == 0);

struct core_functions {
    static fake_core::command &of(const scst_cmd *cmd) {
        return *reinterpret_cast<fake_core::command *>(const_cast<scst_cmd *>(cmd));
    }

    static void log(scst_plugin_ref *, std::uint32_t, const char *component, const char *text, std::size_t length) {
        const std::lock_guard lock{current->mutex_};
        current->log_.push_back(std::string{component} + ": " + std::string{text, length});
    }
    static void error_set(scst_error *error, const char *text, std::size_t length) {
        if (error == nullptr)
            return;
        const std::size_t size = std::min(length, sizeof error->text - 1);
        std::memcpy(error->text, text, size);
        error->text[size] = '\0';
    }
    static const char *setting(scst_plugin_ref *, const char *name) {
        const auto found = current->settings.find(name);
        return found == current->settings.end() ? nullptr : found->second.c_str();
    }
    static const char *state_dir() { return current->state_dir_.c_str(); }
    static std::uint64_t now_ms() {
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
                .count());
    }
    static std::int32_t register_handler(scst_plugin_ref *, const scst_handler *handler, void *self, scst_error *) {
        current->handlers_.emplace_back(handler, self);
        return 0;
    }

    static void cmd_done(scst_cmd *cmd) {
        const std::lock_guard lock{current->mutex_};
        of(cmd).done = true;
        current->changed_.notify_all();
    }
    static void use_one_segment(scst_cmd *cmd, const scst_segment &segment) {
        auto &own = of(cmd);
        own.segments.assign(1, segment);
        cmd->segments = own.segments.data();
        cmd->segment_count = 1;
    }
    static std::int32_t cmd_alloc_buffer(scst_cmd *cmd, std::uint64_t length) {
        auto &own = of(cmd);
        own.buffer.assign(length, 0xcc); // contents are undefined
        use_one_segment(cmd, {SCST_SEGMENT_MEMORY, -1, length, own.buffer.data(), 0});
        return 0;
    }
    static void cmd_lend_buffer(scst_cmd *cmd, std::uint8_t *address, std::uint64_t length) {
        use_one_segment(cmd, {SCST_SEGMENT_MEMORY, -1, length, address, 0});
    }
    static void cmd_lend_file(scst_cmd *cmd, std::int32_t fd, std::uint64_t offset, std::uint64_t length) {
        use_one_segment(cmd, {SCST_SEGMENT_FILE, fd, length, nullptr, offset});
    }
    static void set_sense(scst_cmd *cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq) {
        if (cmd->status != SCST_STATUS_GOOD)
            return; // the first error wins
        cmd->status = SCST_STATUS_CHECK_CONDITION;
        cmd->response_length = 0;
        cmd->sense_length = 18;
        cmd->sense[0] = 0x70;
        cmd->sense[2] = key;
        cmd->sense[7] = 10;
        cmd->sense[12] = asc;
        cmd->sense[13] = ascq;
    }
    static void cmd_set_invalid_field(scst_cmd *cmd, std::int32_t in_cdb, std::uint32_t byte, std::int32_t bit) {
        if (cmd->status != SCST_STATUS_GOOD)
            return;
        set_sense(cmd, SCST_SENSE_ILLEGAL_REQUEST, in_cdb != 0 ? 0x24 : 0x26, 0);
        cmd->sense[15] = static_cast<std::uint8_t>(0x80 | (in_cdb != 0 ? 0x40 : 0) | (bit >= 0 ? 0x08 | bit : 0));
        store_be16(cmd->sense + 16, static_cast<std::uint16_t>(byte));
    }
    static void cmd_set_sense_information(scst_cmd *cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq,
                                          std::uint64_t information) {
        set_sense(cmd, key, asc, ascq);
        cmd->sense[0] = 0xf0;
        store_be32(cmd->sense + 3, static_cast<std::uint32_t>(information));
    }
    static void cmd_set_sense_progress(scst_cmd *cmd, std::uint8_t key, std::uint8_t asc, std::uint8_t ascq,
                                       std::uint16_t progress) {
        set_sense(cmd, key, asc, ascq);
        cmd->sense[15] = 0x80;
        store_be16(cmd->sense + 16, progress);
    }
    static void cmd_set_busy(scst_cmd *cmd) { cmd->status = SCST_STATUS_BUSY; }
    static std::int32_t cmd_aborted(const scst_cmd *cmd) { return of(cmd).how.aborted ? 1 : 0; }
    static std::uint64_t cmd_nexus_id(const scst_cmd *cmd) { return of(cmd).how.nexus; }
    static void cmd_port_info(const scst_cmd *, scst_port_info *info) { *info = current->port; }

    static const char *device_name(const scst_device *device) { return device->name.c_str(); }
    static void device_set_capacity(scst_device *device, std::uint32_t block_size, std::uint64_t blocks,
                                    std::int32_t notify) {
        device->state.block_size = block_size;
        device->state.block_count = blocks;
        device->state.capacity_notices += notify;
    }
    static void device_set_control_mode(scst_device *device, const scst_control_mode *mode) {
        device->state.mode = *mode;
    }
    static void device_set_read_only(scst_device *device, std::int32_t on) { device->state.read_only = on != 0; }
    static void device_set_explicit_alua(scst_device *device, std::int32_t on) {
        device->state.explicit_alua = on != 0;
    }
    static void device_unit_attention(scst_device *device, std::uint8_t asc, std::uint8_t ascq, const scst_cmd *by) {
        const std::lock_guard lock{current->mutex_};
        device->state.attentions.push_back({asc, ascq, by != nullptr});
    }
    static std::int32_t device_suspend(scst_device *device, std::uint64_t) {
        if (current->refuse_suspend)
            return -EBUSY;
        ++device->state.suspensions;
        return 0;
    }
    static void device_resume(scst_device *device) { --device->state.suspensions; }
    static std::int32_t device_usn_in_use(const scst_device *device, const char *usn) {
        for (const auto &[name, entry] : current->devices_) {
            if (&entry->handle != device && entry->handle.state.usn == usn)
                return 1;
        }
        return 0;
    }
    static void device_set_identity(scst_device *device, const char *usn, const std::uint8_t *page,
                                    std::uint32_t length) {
        device->state.usn = usn;
        device->state.identity.assign(page, page + length);
    }

    static void fill_handler_side(scst_core &table) {
        table.cmd_done = cmd_done;
        table.cmd_alloc_buffer = cmd_alloc_buffer;
        table.cmd_lend_buffer = cmd_lend_buffer;
        table.cmd_lend_file = cmd_lend_file;
        table.cmd_set_sense = set_sense;
        table.cmd_set_invalid_field = cmd_set_invalid_field;
        table.cmd_set_sense_information = cmd_set_sense_information;
        table.cmd_set_sense_progress = cmd_set_sense_progress;
        table.cmd_set_busy = cmd_set_busy;
        table.cmd_aborted = cmd_aborted;
        table.cmd_reactor = [](const scst_cmd *) -> scst_reactor * { return nullptr; };
        table.cmd_nexus_id = cmd_nexus_id;
        table.cmd_port_info = cmd_port_info;
        table.device_name = device_name;
        table.device_set_capacity = device_set_capacity;
        table.device_set_control_mode = device_set_control_mode;
        table.device_set_read_only = device_set_read_only;
        table.device_set_explicit_alua = device_set_explicit_alua;
        table.device_unit_attention = device_unit_attention;
        table.device_suspend = device_suspend;
        table.device_resume = device_resume;
        table.setup_id = [] { return std::uint32_t{0}; };
        table.device_usn_in_use = device_usn_in_use;
        table.device_set_identity = device_set_identity;
    }
    static void fill(scst_core &table) {
        table.struct_size = sizeof table;
        table.abi_version = SCST_ABI_VERSION;
        table.version = "test";
        table.log = log;
        table.log_enabled = [](scst_plugin_ref *, std::uint32_t) -> std::int32_t { return 1; };
        table.error_set = error_set;
        table.setting = setting;
        table.state_dir = state_dir;
        table.now_ms = now_ms;
        table.register_handler = register_handler;
        table.reactor_count = [] { return std::uint32_t{1}; };
        table.reactor_current = []() -> scst_reactor * { return nullptr; };
        fill_handler_side(table);
    }
};

// ---- texts ----

bytes from_hex(std::string_view text) {
    bytes data;
    int high = -1;
    for (const char c : text) {
        if (c == ' ')
            continue;
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            throw std::invalid_argument{"not hex: " + std::string{text}};
        if (high >= 0)
            data.push_back(static_cast<std::uint8_t>(high * 16 + digit));
        high = high >= 0 ? -1 : digit;
    }
    return data;
}

std::string to_hex(std::span<const std::uint8_t> data) {
    std::string text;
    for (const std::uint8_t byte : data) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

std::uint32_t outcome::code() const noexcept {
    return sense.size() < 14 ? 0 : std::uint32_t{sense[2]} << 16 | std::uint32_t{sense[12]} << 8 | sense[13];
}
int outcome::field_byte() const noexcept {
    return sense.size() < 18 || (sense[15] & 0x80) == 0 ? -1 : load_be16(sense.data() + 16);
}
int outcome::field_bit() const noexcept {
    return sense.size() < 18 || (sense[15] & 0x08) == 0 ? -1 : sense[15] & 7;
}
std::uint16_t outcome::progress() const noexcept {
    return sense.size() < 18 ? std::uint16_t{0} : load_be16(sense.data() + 16);
}

// ---- the core ----

fake_core::fake_core(std::string state_dir) : state_dir_{std::move(state_dir)} {
    core_functions::fill(table_);
    port.struct_size = sizeof port;
    port.relative_target_port_id = 1;
    port.scsi_transport_version = 0x0960;
    port.initiator_name = "iqn.2026-11.example:initiator";
    port.target_name = "iqn.2026-11.example:target";
    current = this;
}

fake_core::~fake_core() {
    if (pending_ != nullptr)
        finish();
    while (!devices_.empty())
        del_device(std::string{devices_.begin()->first});
    for (const auto &[plugin, self] : plugins_) {
        if (plugin->exit != nullptr)
            plugin->exit(self);
    }
    current = nullptr;
}

std::int32_t fake_core::load(const scst_plugin *plugin) {
    scst_error error{};
    error.struct_size = sizeof error;
    void *self = nullptr;
    const std::int32_t result = plugin->init(&table_, nullptr, &self, &error);
    error_text_ = error.text;
    if (result == 0)
        plugins_.emplace_back(plugin, self);
    return result;
}

std::int32_t fake_core::load_file(const std::string &path) {
    void *file = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    const auto entry_point =
        file == nullptr ? nullptr : reinterpret_cast<scst_plugin_entry_fn>(::dlsym(file, SCST_PLUGIN_ENTRY_NAME));
    if (entry_point != nullptr)
        return load(entry_point());
    error_text_ = ::dlerror();
    return -ENOENT;
}

std::int32_t fake_core::add_device(std::string_view handler_name, const std::string &name, const parameters &given) {
    for (const auto &[table, self] : handlers_) {
        if (table->name != handler_name)
            continue;
        std::vector<scst_parameter> list;
        for (const auto &[key, value] : given)
            list.push_back({key.c_str(), value.c_str()});
        auto made = std::make_unique<device_entry>();
        made->handle.core = this;
        made->handle.name = name;
        made->handler = table;
        scst_error error{};
        error.struct_size = sizeof error;
        const std::int32_t result = table->add_device(self, &made->handle, made->handle.name.c_str(), list.data(),
                                                      static_cast<std::uint32_t>(list.size()), &made->object, &error);
        error_text_ = error.text;
        if (result == 0)
            devices_[name] = std::move(made);
        return result;
    }
    error_text_ = "no such handler";
    return -ENOENT;
}

void fake_core::del_device(const std::string &name) {
    device_entry &gone = entry(name);
    if (gone.handler->device_ending != nullptr)
        gone.handler->device_ending(gone.object);
    gone.handler->del_device(gone.object);
    devices_.erase(name);
}

fake_core::device_entry &fake_core::entry(const std::string &device) {
    return *devices_.at(device);
}

std::unique_ptr<fake_core::command> fake_core::make(const std::string &device, std::span<const std::uint8_t> cdb,
                                                    const run_options &how) {
    auto made = std::make_unique<command>();
    made->device = &entry(device);
    made->how = how;
    scst_cmd &cmd = made->cmd;
    const decoded_cdb decoded = decode_cdb(cdb, made->device->handle.state.block_size);
    cmd.struct_size = sizeof cmd;
    cmd.flags = how.flags;
    cmd.cdb_length = static_cast<std::uint32_t>(cdb.size());
    std::copy(cdb.begin(), cdb.end(), cmd.cdb);
    cmd.lba = decoded.lba;
    cmd.block_count = decoded.block_count;
    cmd.data_direction = decoded.direction;
    cmd.data_length = std::min<std::uint64_t>(decoded.data_length, how.data_out.size() + (std::uint64_t{1} << 40));
    if (cdb[0] == 0x04)
        cmd.data_length = std::min<std::uint64_t>(decoded.data_length, how.data_out.size());
    cmd.expected_length = how.expected_length == ~std::uint64_t{0} ? cmd.data_length : how.expected_length;
    cmd.transfer_length = std::min(cmd.expected_length, cmd.data_length);
    cmd.response_length = cmd.transfer_length;
    cmd.opcode_key = std::uint32_t{cdb[0]} << 16 | decoded.service_action;
    if (decoded.direction == SCST_DATA_WRITE) {
        made->buffer = how.data_out;
        made->buffer.resize(cmd.transfer_length);
        const std::size_t step = how.segment_size == 0 ? made->buffer.size() : how.segment_size;
        for (std::size_t at = 0; at < made->buffer.size(); at += step)
            made->segments.push_back(
                {SCST_SEGMENT_MEMORY, -1, std::min(step, made->buffer.size() - at), made->buffer.data() + at, 0});
        cmd.segments = made->segments.data();
        cmd.segment_count = static_cast<std::uint32_t>(made->segments.size());
    } else if (decoded.direction == SCST_DATA_READ && cmd.transfer_length > 0 &&
               (made->device->handler->flags & SCST_HANDLER_OWN_BUFFERS) == 0) {
        made->buffer.assign(cmd.transfer_length, 0xcc); // contents are undefined
        made->segments.push_back({SCST_SEGMENT_MEMORY, -1, cmd.transfer_length, made->buffer.data(), 0});
        cmd.segments = made->segments.data();
        cmd.segment_count = 1;
    }
    return made;
}

void fake_core::execute(command &own) {
    const auto call = [&] { return own.device->handler->exec(own.device->object, &own.cmd); };
    own.answer = call();
    if (own.answer == SCST_EXEC_NEED_THREAD) {
        own.went_to_worker = true;
        own.cmd.flags |= SCST_CMD_ON_WORKER;
        own.answer = call();
    }
}

outcome fake_core::collect(command &own) {
    if (own.answer == SCST_EXEC_PENDING) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return own.done; });
    }
    const scst_cmd &cmd = own.cmd;
    outcome result;
    result.status = cmd.status;
    result.on_worker = own.went_to_worker;
    result.answer = own.answer;
    result.sense.assign(cmd.sense, cmd.sense + cmd.sense_length);
    std::uint64_t left =
        cmd.data_direction == SCST_DATA_READ && cmd.status == SCST_STATUS_GOOD ? cmd.response_length : 0;
    for (std::uint32_t i = 0; i < cmd.segment_count && left != 0; ++i) {
        const scst_segment &segment = cmd.segments[i];
        const auto piece = static_cast<std::size_t>(std::min(left, segment.length));
        const std::size_t at = result.data.size();
        result.data.resize(at + piece);
        result.segment_kind = segment.kind;
        if (segment.kind == SCST_SEGMENT_MEMORY)
            std::memcpy(result.data.data() + at, segment.address, piece);
        else if (::pread(segment.fd, result.data.data() + at, piece, static_cast<off_t>(segment.offset)) !=
                 static_cast<ssize_t>(piece))
            throw std::runtime_error{"the lent file range can't be read"};
        left -= piece;
    }
    if (own.device->handler->on_free != nullptr)
        own.device->handler->on_free(own.device->object, &own.cmd);
    return result;
}

outcome fake_core::run(const std::string &device, std::span<const std::uint8_t> cdb, const run_options &how) {
    const auto own = make(device, cdb, how);
    execute(*own);
    return collect(*own);
}

void fake_core::begin(const std::string &device, std::string_view cdb_hex, const run_options &how) {
    pending_ = make(device, from_hex(cdb_hex), how);
    execute(*pending_);
}

bool fake_core::pending_done() {
    const std::lock_guard lock{mutex_};
    return pending_->answer != SCST_EXEC_PENDING || pending_->done;
}

outcome fake_core::finish() {
    const auto own = std::move(pending_);
    return collect(*own);
}

void fake_core::abort_pending() {
    pending_->device->handler->abort(pending_->device->object, &pending_->cmd);
}

// ---- attributes ----

std::vector<std::string> fake_core::attributes(const std::string &device) {
    std::vector<std::string> names;
    const scst_handler &handler = *entry(device).handler;
    for (std::uint32_t i = 0; i < handler.device_attribute_count; ++i)
        names.emplace_back(handler.device_attributes[i].name);
    return names;
}

std::string fake_core::show(const std::string &device, std::string_view attribute) {
    struct writer {
        scst_writer base{};
        std::string text;
    } out;
    out.base.struct_size = sizeof out.base;
    out.base.write = [](scst_writer *self, const char *text, std::size_t length) {
        reinterpret_cast<writer *>(self)->text.append(text, length);
    };
    const device_entry &one = entry(device);
    for (std::uint32_t i = 0; i < one.handler->device_attribute_count; ++i) {
        const scst_attribute &each = one.handler->device_attributes[i];
        if (attribute != each.name)
            continue;
        const std::int32_t result = each.show(one.object, &each, &out.base);
        return result == 0 ? out.text : "error " + std::to_string(result);
    }
    return "no such attribute";
}

std::int32_t fake_core::store(const std::string &device, std::string_view attribute, std::string_view text) {
    const device_entry &one = entry(device);
    for (std::uint32_t i = 0; i < one.handler->device_attribute_count; ++i) {
        const scst_attribute &each = one.handler->device_attributes[i];
        if (attribute != each.name)
            continue;
        scst_error error{};
        error.struct_size = sizeof error;
        const std::int32_t result = each.store(one.object, &each, text.data(), text.size(), &error);
        error_text_ = error.text;
        return result;
    }
    return -ENOENT;
}

fake_core::device_state &fake_core::state(const std::string &device) {
    return entry(device).handle.state;
}

const scst_handler *fake_core::handler(std::string_view name) const {
    for (const auto &[table, self] : handlers_) {
        if (table->name == name)
            return table;
    }
    return nullptr;
}

void *fake_core::handler_device(const std::string &device) {
    return entry(device).object;
}

std::vector<std::string> fake_core::log_lines() {
    const std::lock_guard lock{mutex_};
    return log_;
}

} // namespace scst::testing
