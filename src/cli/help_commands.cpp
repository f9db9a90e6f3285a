// pictor help-all, man and completion: the declarations themselves, written out.
#include <CLI/CLI.hpp>

#include "cli/reference.h"
#include "cli/session.h"

namespace pictor {

Command add_help_all_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("help-all", "Show the help of all commands");
  auto format = std::make_shared<std::string>("text");
  app.add_option("--format", *format, "How it is written")
      ->check(CLI::IsMember({"text", "markdown", "man"}).description(""))
      ->type_name("text|markdown|man")
      ->capture_default_str();
  set_examples(app, {"pictor help-all | less", "pictor help-all --format markdown > docs/reference/cli.md"});
  return {&app, [format, &parent](Session& session) {
            if (*format == "markdown")
              session.out() << reference_markdown(parent);
            else if (*format == "man")
              session.out() << manual_page(parent, session.services().version);
            else
              session.out() << reference_text(parent);
            return Status::ok();
          }};
}

Command add_man_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("man", "Print the manual page");
  set_examples(app, {"pictor man | man -l -", "pictor man > ~/.local/share/man/man1/pictor.1"});
  return {&app, [&parent](Session& session) {
            session.out() << manual_page(parent, session.services().version);
            return Status::ok();
          }};
}

Command add_completion_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("completion", "Print the completion script of a shell");
  auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""))
      ->type_name("bash|zsh|fish");
  set_examples(app, {"eval \"$(pictor completion bash)\"", "pictor completion zsh > ~/.zfunc/_pictor",
                     "pictor completion fish > ~/.config/fish/completions/pictor.fish"});
  return {&app, [shell, &parent](Session& session) -> Status {
            PICTOR_ASSIGN(const std::string script, completion_script(parent, *shell));
            session.out() << script;
            return Status::ok();
          }};
}

}  // namespace pictor
