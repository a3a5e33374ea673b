// One function a command: adds its options to the program and says how to run it.
#pragma once

#include <functional>
#include <stop_token>

namespace CLI {
class App;
}

namespace studio::cli {

// The chosen command, set by its parse callback and run by main once parsing is done.
struct Chosen {
  std::function<int(std::stop_token)> run;
};

void add_analyze(CLI::App& program, Chosen& chosen);
void add_plan(CLI::App& program, Chosen& chosen);
void add_render(CLI::App& program, Chosen& chosen);
void add_evaluate(CLI::App& program, Chosen& chosen);
void add_improve(CLI::App& program, Chosen& chosen);
void add_auto_edit(CLI::App& program, Chosen& chosen);
void add_parody(CLI::App& program, Chosen& chosen);
void add_list(CLI::App& program, Chosen& chosen);
void add_models(CLI::App& program, Chosen& chosen);
void add_serve(CLI::App& program, Chosen& chosen);
void add_status(CLI::App& program, Chosen& chosen);  // status, stop, switch, health
void add_logs(CLI::App& program, Chosen& chosen);
void add_leases(CLI::App& program, Chosen& chosen);
void add_keys(CLI::App& program, Chosen& chosen);
void add_describe(CLI::App& program, Chosen& chosen);

}  // namespace studio::cli
