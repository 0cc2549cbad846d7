// SPDX-License-Identifier: Apache-2.0
// session_directory: sessions/ (management.md 1.7) and the I/O counters that targets sum up.
#include "core/core.hpp"
#include "mgmt/directories.hpp"
#include "mgmt/plugin_attributes.hpp"
#include "mgmt/values.hpp"

#include <scst/types.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace scstd::mgmt {

namespace {

struct session_ref {
    core &registry;
    session::session &sess;
};

// ---- counters ----

enum class figure : std::uint8_t { commands, kilobytes, unaligned };

struct counter {
    const char *name;
    int direction; // SCST_DATA_*, or one of the two below
    figure what;
};
constexpr int bidirectional = -1; // such commands don't exist here
constexpr int unknown = -2;

constexpr counter counters[] = {
    {"bidi_cmd_count", bidirectional, figure::commands},
    {"bidi_io_count_kb", bidirectional, figure::kilobytes},
    {"bidi_unaligned_cmd_count", bidirectional, figure::unaligned},
    {"none_cmd_count", SCST_DATA_NONE, figure::commands},
    {"read_cmd_count", SCST_DATA_READ, figure::commands},
    {"read_io_count_kb", SCST_DATA_READ, figure::kilobytes},
    {"read_unaligned_cmd_count", SCST_DATA_READ, figure::unaligned},
    {"unknown_cmd_count", unknown, figure::commands},
    {"write_cmd_count", SCST_DATA_WRITE, figure::commands},
    {"write_io_count_kb", SCST_DATA_WRITE, figure::kilobytes},
    {"write_unaligned_cmd_count", SCST_DATA_WRITE, figure::unaligned},
};

// Bytes of a kilobyte figure, so that sums are rounded once.
std::uint64_t raw_value(const session::session &sess, const counter &of) {
    if (of.direction == unknown)
        return sess.unknown_commands;
    if (of.direction == bidirectional)
        return 0;
    const auto &found = sess.counters[static_cast<std::size_t>(of.direction)];
    switch (of.what) {
    case figure::commands:
        return found.commands;
    case figure::kilobytes:
        return found.bytes;
    case figure::unaligned:
        return found.unaligned;
    }
    return 0;
}

std::uint64_t printed(std::uint64_t raw, const counter &of) {
    return of.what == figure::kilobytes ? raw / 1024 : raw;
}

// The counters are the reactor's, so it zeroes them.
void reset_direction(const session_ref &at, const counter &of) {
    at.registry.on_session(at.sess, [&] {
        if (of.direction == unknown) {
            at.sess.unknown_commands = 0;
        } else if (of.direction != bidirectional) {
            auto &found = at.sess.counters[static_cast<std::size_t>(of.direction)];
            found.commands = 0;
            found.bytes = 0;
            found.unaligned = 0;
        }
    });
}

void add_counters(items &out, const session_ref &at) {
    for (const auto &each : counters) {
        item made{each.name, {node_type::file, read_write}, {}};
        made.show = [at, &each]() -> result<std::string> { return shown(printed(raw_value(at.sess, each), each)); };
        made.store = [at, &each](std::string_view) {
            reset_direction(at, each);
            return ok();
        };
        out.push_back(std::move(made));
    }
}

// ---- plain files ----

result<std::string> show_initiator(const session_ref &at) {
    return shown(at.sess.identity().initiator_name);
}

result<std::string> show_commands(const session_ref &at) {
    return shown(at.sess.active_commands.load());
}

result<std::string> show_active(const session_ref &at) {
    std::uint32_t live = 0;
    at.registry.on_session(at.sess, [&] { live = at.sess.live; });
    return shown(live);
}

result<> store_force_close(const session_ref &at, std::string_view) {
    return at.registry.close_session(at.sess);
}

bool can_close(const session_ref &at) {
    return at.sess.tgt().driver().table().close_session != nullptr;
}

constexpr attribute<session_ref> table[] = {
    {"active_commands", read_only, show_active},
    {"commands", read_only, show_commands},
    {"force_close", write_only, nullptr, store_force_close, can_close},
    {"initiator_name", read_only, show_initiator},
};

// ---- folders ----

item text_file(std::string name, std::string text) {
    item made{std::move(name), {node_type::file, read_only}, {}};
    made.show = [text = std::move(text)]() -> result<std::string> { return text; };
    return made;
}

class session_lun_directory final : public directory {
  public:
    explicit session_lun_directory(session::nexus &of) : nexus_{of} {}
    void entries(items &out) override {
        out.push_back(text_file("active_commands", shown(nexus_.active_commands.load())));
        // The threads of a device serve all its initiators, which SCST shows as index -1.
        out.push_back(text_file("thread_index", shown(-1)));
        std::string ids;
        for (const int id : nexus_.dev.workers().thread_ids())
            ids += (ids.empty() ? "" : " ") + std::to_string(id);
        out.push_back(text_file("thread_pid", ids + '\n'));
    }

  private:
    session::nexus &nexus_;
};

// What the session sees: the reactor's table. The nexuses themselves end on this thread only.
std::vector<session::nexus *> visible_luns(const session_ref &at) {
    std::vector<session::nexus *> found;
    at.registry.on_session(at.sess, [&] {
        for (auto *each : at.sess.table())
            if (each != nullptr)
                found.push_back(each);
    });
    return found;
}

struct connection_file {
    std::string directory;
    std::string file;
    std::string text;
};

class connection_directory final : public directory {
  public:
    explicit connection_directory(std::vector<connection_file> files) : files_{std::move(files)} {}
    void entries(items &out) override {
        for (const auto &each : files_)
            out.push_back(text_file(each.file, each.text));
    }

  private:
    std::vector<connection_file> files_;
};

bool is_file_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

// What the driver tells of its connections, on the session's reactor.
std::vector<connection_file> connections_of(core &registry, session::session &sess) {
    std::vector<connection_file> files;
    const auto list = sess.tgt().driver().table().list_connections;
    if (list == nullptr)
        return files;
    registry.on_session(sess, [&] {
        if (sess.ending)
            return;
        list(
            sess.driver_data(),
            [](void *context, const char *folder, const char *file, const char *text) {
                if (is_file_name(folder) && is_file_name(file))
                    static_cast<std::vector<connection_file> *>(context)->push_back({folder, file, text});
            },
            &files);
    });
    return files;
}

void add_connections(items &out, core &registry, session::session &sess) {
    auto files = connections_of(registry, sess);
    while (!files.empty()) {
        const std::string name = files.front().directory;
        std::vector<connection_file> own;
        std::vector<connection_file> others;
        for (auto &each : files)
            (each.directory == name ? own : others).push_back(std::move(each));
        item made{name, {node_type::directory, 0755}, {}};
        made.open = [own] { return std::make_unique<connection_directory>(own); };
        out.push_back(std::move(made));
        files = std::move(others);
    }
}

} // namespace

void add_counter_sums(items &out, session::target &tgt) {
    for (const auto &each : counters) {
        item made{each.name, {node_type::file, read_only}, {}};
        made.show = [&tgt, &each]() -> result<std::string> {
            std::uint64_t sum = 0;
            for (const auto &[name, sess] : tgt.sessions)
                sum += raw_value(*sess, each);
            return shown(printed(sum, each));
        };
        out.push_back(std::move(made));
    }
}

void sessions_directory::entries(items &out) {
    for (const auto &[name, sess] : target_.sessions)
        out.push_back(directory_item<session_directory>(name, std::ref(core_), std::ref(*sess)));
}

std::optional<item> sessions_directory::find(std::string_view name) {
    const auto found = target_.sessions.find(std::string{name});
    if (found == target_.sessions.end())
        return std::nullopt;
    return directory_item<session_directory>(found->first, std::ref(core_), std::ref(*found->second));
}

void session_directory::entries(items &out) {
    const session_ref at{core_, session_};
    add_table<session_ref>(out, table, at);
    add_counters(out, at);
    const auto *const group = session_.group;
    const bool named = group != nullptr && !group->is_default();
    out.push_back(link_item("luns", named ? "../../ini_groups/" + group->name() + "/luns" : "../../luns"));
    out.push_back(directory_item<latency_directory>("latency", std::ref(core_), std::ref(session_)));
    for (auto *each : visible_luns(at))
        out.push_back(directory_item<session_lun_directory>(fmt::format("lun{}", each->lun), std::ref(*each)));
    const auto &rows = session_.tgt().driver().table();
    add_plugin_table(out, rows.session_attributes, rows.session_attribute_count, session_.driver_data());
    add_connections(out, core_, session_);
}

void latency_directory::entries(items &out) {
    constexpr std::array directions{'n', 'r', 'w', 'b'};
    const session_ref at{core_, session_};
    for (std::size_t direction = 0; direction < directions.size(); ++direction) {
        for (std::size_t size = 0; size < engine::latency_tables::size_classes; ++size) {
            item made{fmt::format("{}{}", directions[direction], 512u << size), {node_type::file, read_write}, {}};
            made.show = [at, direction, size]() -> result<std::string> {
                std::string text = "state count min max avg stddev\n";
                at.registry.on_session(at.sess, [&] {
                    if (at.sess.latency != nullptr)
                        text = at.sess.latency->text(direction, size);
                });
                return text;
            };
            made.store = [at](std::string_view) {
                at.registry.on_session(at.sess, [&] {
                    if (at.sess.latency != nullptr)
                        at.sess.latency->clear();
                });
                return ok();
            };
            out.push_back(std::move(made));
        }
    }
}

} // namespace scstd::mgmt
