%% Runs the cases of tests/supervision_cases.py on the supervisor of Erlang/OTP, and prints what
%% happens in each: a line "number<TAB>part | part". Called by tests/torture/test_supervision_otp.py.
%%
%% All cases run at the same time. What a case's children do is told to its log, a process that also
%% sees who is killed. Before it tells of a start or of being asked, a child waits a moment, so that
%% what came before it has been told.
-module(otp_supervisor).
-behaviour(supervisor).
-export([main/1, init/1, start_worker/3, start_worker/4, start_below/3]).

main([File, StepMs]) ->
    logger:set_primary_config(level, none),
    {ok, Cases} = file:consult(File),
    Self = self(),
    Pids = [spawn(fun() -> Self ! {self(), Number, run(Case, list_to_integer(StepMs))} end)
            || {Number, Case} <- Cases],
    [receive {Pid, Number, Text} -> io:format("~b\t~ts~n", [Number, Text]) end || Pid <- Pids],
    halt(0).

%% -- one case ------------------------------------------------------------------------------------

run({Spec, Scripts, Steps}, StepMs) ->
    process_flag(trap_exit, true),
    Log = spawn(fun() -> log([], #{}, #{}, maps:from_list(Scripts)) end),
    put(log, Log),
    put(serial, 0),
    {Top, First} =
        case supervisor:start_link(?MODULE, {Log, Spec}) of
            {ok, Pid} -> {Pid, []};
            {error, _} -> {none, ["failed"]}
        end,
    timer:sleep(StepMs),
    Parts = [part(First) | [step(Top, Spec, Step, StepMs) || Step <- Steps]],
    lists:join(" | ", Parts).

step(Top, Spec, Step, StepMs) ->
    Answer = take(Top, Spec, Step),
    timer:sleep(StepMs),
    Down = receive
               {'EXIT', Top, shutdown} -> ["down"];
               {'EXIT', Top, Other} -> [io_lib:format("down:~w", [Other])]
           after 0 -> []
           end,
    part(Answer ++ Down).

part(More) ->
    lists:join(" ", ask(get(log), take) ++ More).

take(_Top, _Spec, {wait, Ms}) -> timer:sleep(Ms), [];
take(Top, _Spec, stop) -> exit(Top, shutdown), [];
take(Top, Spec, {start, Under, Child}) ->
    Sup = supervisor_of(Top, Under),
    case Spec of
        {_, _, simple_one_for_one, _, _, _, [{_, Name, _, _, _, _} | _]} ->
            put(serial, get(serial) + 1),
            Path = lists:flatten(io_lib:format("~s-~b", [Name, get(serial)])),
            answer(supervisor:start_child(Sup, [Path]));
        _ ->
            answer(supervisor:start_child(Sup, childspec(get(log), Under, Child, false)))
    end;
take(Top, Spec, {What, Path}) when What =:= terminate; What =:= restart; What =:= delete ->
    {Under, _} = split(Path),
    Sup = supervisor_of(Top, Under),
    Simple = element(3, Spec) =:= simple_one_for_one,
    Id = case ask(get(log), {pid, Path}) of
             Pid when Simple, What =:= terminate -> Pid;
             _ -> Path
         end,
    answer(case What of
               terminate -> supervisor:terminate_child(Sup, Id);
               restart -> supervisor:restart_child(Sup, Id);
               delete -> supervisor:delete_child(Sup, Id)
           end);
take(_Top, _Spec, {exit, Path, Reason}) ->
    case ask(get(log), {pid, Path}) of
        none -> ["=nobody"];
        Pid when Reason =:= killed -> ask(get(log), {expect_kill, Pid}), exit(Pid, kill), [];
        Pid -> Pid ! {die, Reason}, []
    end.

answer(ok) -> ["=ok"];
answer({ok, undefined}) -> ["=ignored"];
answer({ok, _}) -> ["=ok"];
answer({error, {already_started, _}}) -> ["=already_started"];
answer({error, {bad_combination, _}}) -> ["=invalid"];
answer({error, {start_went_wrong, _}}) -> ["=start_failed"];
answer({error, start_went_wrong}) -> ["=start_failed"];
answer({error, Word}) when is_atom(Word) -> ["=" ++ atom_to_list(Word)];
answer(Other) -> [io_lib:format("=~0p", [Other])].

supervisor_of(Top, "") -> Top;
supervisor_of(_, Path) -> ask(get(log), {pid, Path}).

split(Path) ->
    case string:split(Path, "/", trailing) of
        [Name] -> {"", Name};
        [Under, Name] -> {Under, Name}
    end.

%% -- supervisors and workers ---------------------------------------------------------------------

init({Log, {sup, Path, Strategy, Intensity, Period, Auto, Children}}) ->
    Flags = #{strategy => Strategy, intensity => Intensity, period => Period,
              auto_shutdown => Auto},
    Simple = Strategy =:= simple_one_for_one,
    {ok, {Flags, [childspec(Log, Path, Child, Simple) || Child <- Children]}}.

childspec(Log, Under, {child, Name, Restart, Shutdown, Significant, What}, Simple) ->
    Path = case Under of "" -> Name; _ -> Under ++ "/" ++ Name end,
    {Start, Type} =
        case What of
            worker when Simple -> {{?MODULE, start_worker, [Log, Name]}, worker};
            worker -> {{?MODULE, start_worker, [Log, Path, Path]}, worker};
            Spec -> {{?MODULE, start_below, [Log, Path, setelement(2, Spec, Path)]}, supervisor}
        end,
    #{id => Path, start => Start, restart => Restart, shutdown => Shutdown,
      significant => Significant, type => Type}.

start_below(Log, Path, Spec) ->
    case supervisor:start_link(?MODULE, {Log, Spec}) of
        {ok, Pid} -> ask(Log, {runs, Path, Pid}), {ok, Pid};
        Error -> Error
    end.

start_worker(Log, Script, Path) -> start_worker(Log, Script, Path, none).

start_worker(Log, Script, Path, _) ->
    timer:sleep(5),
    {Outcome, StopMs} = ask(Log, {start, Script, Path}),
    case Outcome of
        fail -> {error, start_went_wrong};
        ignore -> ignore;
        ok ->
            Parent = self(),
            Pid = spawn_link(fun() ->
                                 process_flag(trap_exit, true),
                                 Parent ! {ready, self()},
                                 live(Parent, Log, Path, StopMs)
                             end),
            receive {ready, Pid} -> ok end,
            ask(Log, {runs, Path, Pid}),
            {ok, Pid}
    end.

live(Parent, Log, Path, StopMs) ->
    receive
        {die, error} -> exit(went_wrong);
        {die, Reason} -> exit(Reason);
        {'EXIT', Parent, shutdown} ->
            timer:sleep(5),
            ask(Log, {told, "-" ++ Path}),
            case StopMs of
                never -> receive nothing -> ok end;
                _ -> timer:sleep(StopMs), exit(shutdown)
            end;
        {'EXIT', Parent, Reason} -> exit(Reason)
    end.

%% -- the log -------------------------------------------------------------------------------------

ask(Log, What) ->
    Log ! {self(), What},
    receive {Log, Answer} -> Answer end.

log(Said, Pids, Starts, Scripts) ->
    receive
        {From, take} ->
            From ! {self(), lists:reverse(Said)},
            log([], Pids, Starts, Scripts);
        {From, {told, Word}} ->
            From ! {self(), ok},
            log([Word | Said], Pids, Starts, Scripts);
        {From, {start, Script, Path}} ->
            {Outcomes, StopMs} = maps:get(Script, Scripts, {[], 0}),
            Count = maps:get(Path, Starts, 0),
            Outcome = case Count < length(Outcomes) of
                          true -> lists:nth(Count + 1, Outcomes);
                          false -> ok
                      end,
            Mark = case Outcome of ok -> "+"; fail -> "?"; ignore -> "0" end,
            From ! {self(), {Outcome, StopMs}},
            log([Mark ++ Path | Said], Pids, Starts#{Path => Count + 1}, Scripts);
        {From, {runs, Path, Pid}} ->
            monitor(process, Pid),
            From ! {self(), ok},
            log(Said, Pids#{Path => Pid, Pid => Path}, Starts, Scripts);
        {From, {pid, Path}} ->
            From ! {self(), maps:get(Path, Pids, none)},
            log(Said, Pids, Starts, Scripts);
        {From, {expect_kill, Pid}} ->
            From ! {self(), ok},
            log(Said, maps:remove(Pid, Pids), Starts, Scripts);
        {'DOWN', _, process, Pid, Reason} ->
            Path = maps:get(Pid, Pids, none),
            Rest = case [P || {P, Q} <- maps:to_list(Pids), Q =:= Pid] of
                       [P | _] -> maps:remove(P, maps:remove(Pid, Pids));
                       [] -> maps:remove(Pid, Pids)
                   end,
            More = case Reason of
                       killed when Path =/= none -> ["!" ++ Path];
                       _ -> []
                   end,
            log(More ++ Said, Rest, Starts, Scripts)
    end.
