// SPDX-License-Identifier: Apache-2.0
// See device.hpp.
#include "device.hpp"

#include "inquiry.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace scst::vdisk {
namespace {

std::string_view vendor_of(const scst_block_backend &backend) noexcept {
    return backend.vendor == nullptr ? std::string_view{"SCST_FIO"} : std::string_view{backend.vendor};
}

// Holds new commands of a device and waits for the running ones.
class suspension {
  public:
    suspension(const scst_core &core, scst_device *device) noexcept : core_{core}, device_{device} {
        result_ = core.device_suspend(device, suspend_timeout_ms);
    }
    ~suspension() {
        if (result_ == 0)
            core_.device_resume(device_);
    }
    suspension(const suspension &) = delete;
    suspension &operator=(const suspension &) = delete;
    [[nodiscard]] int result() const noexcept { return result_; }

  private:
    const scst_core &core_;
    scst_device *device_;
    int result_;
};

int busy(const device &dev, scst_error *error, const char *what) {
    return refuse(&dev.core(), error, EBUSY, "device %s: %s: commands are still running", dev.name().c_str(), what);
}

} // namespace

device::device(const handler_context &context, scst_device *handle, std::string name, settings wanted)
    : context_{context}, handle_{handle}, name_{std::move(name)}, config_{std::move(wanted)}, log_{context.core,
                                                                                                   context.plugin,
                                                                                                   "dev." + name_},
      block_shift_{static_cast<std::uint32_t>(std::countr_zero(config_.block_size))},
      identity_{default_identity(context.core->setup_id(), name_, vendor_of(*context.backend))},
      saved_pages_{context.core->state_dir() == nullptr ? "" : context.core->state_dir(), name_} {
    if (config_.t10_dev_id_set)
        identity_.t10_dev_id = {config_.t10_dev_id, true};
    // As in SCST the default and saved values of WCE are 1 whatever the parameter write_through says.
    defaults_.tst = config_.tst;
    saved_ = mode_ = defaults_;
    mode_.write_through = config_.write_through;
    after_reset_ = mode_;
    lb_per_pb_exp_ = config_.lb_per_pb_exp;
    nv_cache_ = config_.nv_cache;
}

device::~device() {
    job_.stop();
    close_medium();
}

int device::start(scst_error *error) {
    const std::string usn = identity_.usn.value;
    if (core().device_usn_in_use(handle_, usn.c_str()) != 0)
        return refuse(&core(), error, EEXIST, "device %s: another device has its serial number %s (usn)", name_.c_str(),
                      usn.c_str());
    load_saved_mode();
    if (is_cdrom()) {
        close_gate(gate_ejected);
        open_gate(gate_closed);
    } else if (config_.active) {
        if (const int result = open_medium(true, error); result != 0)
            return result;
    }
    core().device_set_read_only(handle_, config_.read_only || is_cdrom() ? 1 : 0);
    publish_capacity(false);
    publish_mode();
    publish_identity();
    return 0;
}

void device::load_saved_mode() {
    std::string note;
    mode_state loaded = mode_;
    const auto outcome = saved_pages_.load(loaded, note);
    if (!saved_pages_.available())
        log_.warning("no folder for saved mode pages in the state directory: MODE SELECT can't save");
    if (!note.empty())
        log_.warning("saved mode pages: %s", note.c_str());
    if (outcome == saved_pages::outcome::none)
        return;
    loaded.tst = defaults_.tst;
    const std::lock_guard lock{mutex_};
    mode_ = saved_ = after_reset_ = loaded;
}

// ---- the backend ----

int device::open_medium(bool creating, scst_error *error) {
    std::vector<scst_parameter> own;
    for (const auto &[key, value] : config_.own)
        own.push_back({key.c_str(), value.c_str()});
    scst_block_open request{};
    request.struct_size = sizeof request;
    request.flags = (config_.read_only || is_cdrom() ? SCST_BLOCK_OPEN_READ_ONLY : 0u) |
                    (config_.o_direct ? SCST_BLOCK_OPEN_DIRECT : 0u) |
                    (creating && config_.size != 0 ? SCST_BLOCK_OPEN_CREATING : 0u);
    request.device_name = name_.c_str();
    request.filename = config_.filename.empty() ? nullptr : config_.filename.c_str();
    request.size = config_.size;
    request.block_size = config_.block_size;
    request.parameters = own.data();
    request.parameter_count = static_cast<std::uint32_t>(own.size());
    if (const int result = medium::open(backend(), context_.self, request, owned_medium_, error); result != 0)
        return result;
    take_info();
    medium_.store(owned_medium_.get(), std::memory_order_release);
    open_gate(gate_closed | gate_ejected);
    return 0;
}

void device::close_medium() {
    medium_.store(nullptr, std::memory_order_release);
    owned_medium_.reset();
}

void device::take_info() {
    const scst_block_info &info = owned_medium_->info();
    blocks_.store(info.size >> block_shift_, std::memory_order_relaxed);
    physical_block_size_.store(info.physical_block_size == 0 ? 4096 : info.physical_block_size);
    const bool can_unmap = (info.flags & SCST_BLOCK_CAN_UNMAP) != 0;
    const bool wanted = config_.thin_set ? config_.thin : (backend().flags & SCST_BLOCK_AUTO_THIN) != 0 && can_unmap;
    if (wanted && !can_unmap)
        log_.warning("thin_provisioned: the backing store can't free blocks, it stays 0");
    thin_.store(wanted && can_unmap, std::memory_order_relaxed);
    // unmap() promises zeros, but UNMAP may use discard(); SCST says so for block devices only.
    const bool by_contract = config_.extensions && backend().unmap != nullptr && backend().discard == nullptr;
    unmap_zeroes_.store(by_contract || (info.flags & SCST_BLOCK_UNMAP_ZEROES) != 0, std::memory_order_relaxed);
    if ((info.flags & SCST_BLOCK_NO_VOLATILE_CACHE) != 0)
        nv_cache_.store(true, std::memory_order_relaxed);
    if (!optimal_set_ && info.optimal_io != 0)
        optimal_transfer_.store(info.optimal_io, std::memory_order_relaxed);
}

int device::suspended_close(scst_error *error) {
    if (job_.running())
        return refuse(&core(), error, EBUSY, "device %s: FORMAT UNIT or SANITIZE is going on", name_.c_str());
    const suspension quiet{core(), handle_};
    if (quiet.result() != 0)
        return busy(*this, error, "closing the backing store");
    close_gate(gate_closed);
    if (medium *open = backing(); open != nullptr && !nv_cache()) {
        if (const int result = open->flush(); result != 0)
            log_.error("flush before closing failed: %s", std::strerror(-result));
    }
    close_medium();
    return 0;
}

int device::set_active(bool active, scst_error *error) {
    if (active == config_.active)
        return 0;
    if (!active) {
        if (owned_medium_ != nullptr) {
            if (const int result = suspended_close(error); result != 0)
                return result;
        }
        config_.active = false;
        return 0;
    }
    if (!bound_closed_) {
        const std::uint64_t before = block_count();
        if (const int result = open_medium(false, error); result != 0)
            return result;
        publish_capacity(before != block_count());
        publish_mode();
    }
    config_.active = true;
    return 0;
}

int device::alua_state_changed(const char *, const char *new_state) {
    if (!config_.bind_alua)
        return 0;
    const std::string_view state{new_state};
    const bool open = state == "active" || state == "nonoptimized";
    if (open == !bound_closed_)
        return 0;
    int result = 0;
    if (!open && owned_medium_ != nullptr)
        result = suspended_close(nullptr);
    bound_closed_ = !open;
    if (open && config_.active) {
        const std::uint64_t before = block_count();
        result = open_medium(false, nullptr);
        publish_capacity(before != block_count());
    }
    if (result != 0)
        log_.error("ALUA state %s: backing store: %s", new_state, std::strerror(-result));
    return result;
}

int device::set_filename(std::string_view path, scst_error *error) {
    if (config_.active)
        return refuse(&core(), error, EINVAL, "device %s: filename: set active to 0 first", name_.c_str());
    if (path.empty() || path.front() != '/')
        return refuse(&core(), error, EINVAL, "device %s: filename: the path must be absolute", name_.c_str());
    config_.filename = path;
    return 0;
}

int device::set_size(std::uint64_t bytes, scst_error *error) {
    if (bytes % block_size() != 0)
        return refuse(&core(), error, EINVAL, "device %s: size: %llu is not a multiple of the block size %u",
                      name_.c_str(), static_cast<unsigned long long>(bytes), block_size());
    if (owned_medium_ == nullptr)
        return refuse(&core(), error, EMEDIUMTYPE, "device %s: size: the device is not active", name_.c_str());
    const suspension quiet{core(), handle_};
    if (quiet.result() != 0)
        return busy(*this, error, "size");
    if (const int result = owned_medium_->resize(bytes, error); result != 0)
        return result;
    blocks_.store(bytes >> block_shift_, std::memory_order_relaxed);
    publish_capacity(true);
    return 0;
}

int device::resync_size(scst_error *error) {
    if (owned_medium_ == nullptr)
        return refuse(&core(), error, EMEDIUMTYPE, "device %s: resync_size: the device is not active", name_.c_str());
    const std::uint64_t before = block_count();
    const suspension quiet{core(), handle_};
    if (quiet.result() != 0)
        return busy(*this, error, "resync_size");
    if (const int result = owned_medium_->refresh(error); result != 0)
        return result;
    take_info();
    if (before != block_count()) {
        log_.info("size is %llu blocks, was %llu", static_cast<unsigned long long>(block_count()),
                  static_cast<unsigned long long>(before));
        publish_capacity(true);
    }
    return 0;
}

int device::set_optimal_transfer(std::uint64_t bytes, scst_error *error) {
    if (bytes % block_size() != 0 || bytes > 0xffffffffu)
        return refuse(&core(), error, EINVAL, "device %s: opt_trans_len: %llu is not a multiple of the block size %u",
                      name_.c_str(), static_cast<unsigned long long>(bytes), block_size());
    optimal_transfer_.store(bytes, std::memory_order_relaxed);
    optimal_set_ = true;
    return 0;
}

int device::load_disc(std::string_view path, scst_error *error) {
    if (!path.empty() && path.front() != '/')
        return refuse(&core(), error, EINVAL, "device %s: filename: the path must be absolute", name_.c_str());
    if (removal_prevented())
        return refuse(&core(), error, EBUSY, "device %s: filename: an initiator prevents medium removal",
                      name_.c_str());
    const suspension quiet{core(), handle_};
    if (quiet.result() != 0)
        return busy(*this, error, "filename");
    close_gate(gate_ejected);
    close_medium();
    blocks_.store(0, std::memory_order_relaxed);
    config_.filename = path;
    int result = 0;
    if (!path.empty()) {
        result = open_medium(false, error);
        if (result != 0)
            config_.filename.clear();
        else
            core().device_unit_attention(handle_, 0x28, 0x00, nullptr);
    }
    publish_capacity(false);
    return result;
}

// ---- what the core and others are told ----

void device::publish_capacity(bool notify) {
    core().device_set_capacity(handle_, block_size(), block_count(), notify ? 1 : 0);
}

void device::publish_mode() {
    scst_control_mode mode{};
    mode.struct_size = sizeof mode;
    {
        const std::lock_guard lock{mutex_};
        mode.tst = mode_.tst;
        mode.tmf_only = mode_.tmf_only ? 1 : 0;
        mode.d_sense = mode_.d_sense ? 1 : 0;
        mode.queue_algorithm = mode_.queue_algorithm;
        mode.qerr = mode_.qerr;
        mode.swp = mode_.swp ? 1 : 0;
        mode.tas = mode_.tas ? 1 : 0;
        write_through_.store(mode_.write_through && !nv_cache(), std::memory_order_relaxed);
        d_sense_.store(mode_.d_sense, std::memory_order_relaxed);
    }
    core().device_set_control_mode(handle_, &mode);
}

void device::publish_identity() {
    const identity now = id();
    std::array<std::uint8_t, max_page_size> page{};
    const std::size_t size = build_lu_designators(now, page);
    core().device_set_identity(handle_, now.usn.value.c_str(), page.data(), static_cast<std::uint32_t>(size));
}

void device::set_lb_per_pb_exp(bool on) noexcept {
    config_.lb_per_pb_exp = on;
    lb_per_pb_exp_.store(on, std::memory_order_relaxed);
}

void device::set_explicit_alua(bool on) noexcept {
    config_.expl_alua = on;
    core().device_set_explicit_alua(handle_, on ? 1 : 0);
}

// ---- values ----

bool device::unmap_zeroes() const noexcept {
    return unmap_zeroes_.load(std::memory_order_relaxed);
}

identity device::id() const {
    const std::lock_guard lock{mutex_};
    return identity_;
}

mode_state device::mode() const {
    const std::lock_guard lock{mutex_};
    return mode_;
}

mode_state device::saved_mode() const {
    const std::lock_guard lock{mutex_};
    return saved_;
}

mode_state device::default_mode() const {
    const std::lock_guard lock{mutex_};
    return defaults_;
}

std::uint32_t device::physical_exponent() const noexcept {
    const std::uint32_t physical = physical_block_size_.load(std::memory_order_relaxed);
    if (physical <= block_size() || !lb_per_pb_exp())
        return 0;
    return static_cast<std::uint32_t>(std::bit_width(physical / block_size())) - 1;
}

std::uint64_t device::optimal_transfer() const noexcept {
    return optimal_transfer_.load(std::memory_order_relaxed);
}

bool device::change_mode(const mode_state &mode, bool save, const scst_cmd *by) {
    const std::lock_guard one_change{change_mutex_};
    if (save) {
        if (const int error = saved_pages_.save(mode, default_mode()); error != 0) {
            log_.error("can't save mode pages: %s", std::strerror(error));
            return false;
        }
    }
    {
        const std::lock_guard lock{mutex_};
        mode_ = mode;
        if (save)
            saved_ = after_reset_ = mode;
    }
    publish_mode();
    core().device_unit_attention(handle_, 0x2a, 0x01, by);
    return true;
}

void device::reset() {
    const std::lock_guard one_change{change_mutex_};
    {
        const std::lock_guard lock{mutex_};
        mode_ = after_reset_;
        preventers_.clear();
    }
    publish_mode();
}

void device::prevent(std::uint64_t nexus, bool on) {
    const std::lock_guard lock{mutex_};
    if (on)
        preventers_.insert(nexus);
    else
        preventers_.erase(nexus);
}

bool device::removal_prevented() const {
    const std::lock_guard lock{mutex_};
    return !preventers_.empty();
}

void device::nexus_lost(std::uint64_t nexus) {
    prevent(nexus, false);
}

void device::buffer_write(std::size_t offset, std::span<const std::uint8_t> bytes) {
    const std::lock_guard lock{mutex_};
    buffer_.resize(data_buffer_size);
    std::copy(bytes.begin(), bytes.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(offset));
}

void device::buffer_read(std::size_t offset, std::span<std::uint8_t> bytes) const {
    const std::lock_guard lock{mutex_};
    if (buffer_.empty())
        std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
    else
        std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(offset), bytes.size(), bytes.begin());
}

void device::clear_counters() noexcept {
    read_errors_.store(0, std::memory_order_relaxed);
    write_errors_.store(0, std::memory_order_relaxed);
}

} // namespace scst::vdisk
