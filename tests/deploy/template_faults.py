"""What is wrong with template.yaml that neither cfn-lint nor `sam validate --lint` notices."""

import json
import re

import settings

# What the worker is asked for by the clock, and how often.
SCHEDULES = {
    "drain": "rate(1 minute)",
    "sums": "rate(5 minutes)",
    "usage": "rate(1 hour)",
    "deleted": "rate(1 hour)",
    "retention": r"cron(",
}
HTTP = ["RestFunction", "ProxyFunction"]
BUILD_METHODS = ["rust-cargolambda"]
# Resources that take no tags.
WITHOUT_TAGS = {"AWS::SQS::QueuePolicy", "AWS::Serverless::Function"}
# A function alarms when it took this share of its time.
NEAR = 0.9


def of(resources, kind):
    """The resources of a type, by name."""
    return {name: it["Properties"] for name, it in resources.items() if it["Type"] == kind}


def target(value):
    """The resource that a !Ref or !GetAtt names."""
    if not isinstance(value, dict):
        return None
    found = value.get("Ref") or value.get("Fn::GetAtt")
    return found[0] if isinstance(found, list) else found


def default(template, value):
    """A number, or the default of the parameter that a !Ref names."""
    if isinstance(value, dict):
        return template["Parameters"][value["Ref"]]["Default"]
    return value


def every_dict(value):
    """Every mapping in a tree."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from every_dict(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every_dict(inner)


def faults(template):
    """All faults, each a sentence."""
    found = []
    found += of_functions(template)
    found += of_queues(template)
    found += of_schedules(template)
    found += of_policies(template)
    found += of_alarms(template)
    found += of_edge(template)
    found += of_parameters(template)
    found += of_tags(template)
    return found


def of_functions(template):
    resources = template["Resources"]
    functions = of(resources, "AWS::Serverless::Function")
    groups, roles = of(resources, "AWS::Logs::LogGroup"), of(resources, "AWS::IAM::Role")
    if sorted(functions) != ["ProxyFunction", "RestFunction", "WorkerFunction"]:
        yield f"the functions are {sorted(functions)}"
    for name, it in functions.items():
        build = resources[name].get("Metadata", {})
        binary = build.get("BuildProperties", {}).get("Binary")
        if build.get("BuildMethod") not in BUILD_METHODS:
            yield f"{name}: BuildMethod {build.get('BuildMethod')} is unknown to SAM"
        if f"{binary}Function".lower() != name.lower():
            yield f"{name} runs {binary}"
        if not (settings.ROOT / f"runtime-lambda/src/bin/{binary}.rs").is_file():
            yield f"{name}: runtime-lambda has no binary {binary}"
        group = target(it.get("LoggingConfig", {}).get("LogGroup"))
        if group not in groups:
            yield f"{name} has no log group of its own"
        elif "RetentionInDays" not in groups[group]:
            yield f"{group} keeps logs for ever"
        role = target(it.get("Role"))
        if role not in roles:
            yield f"{name} has no role of its own"
        else:
            allowed = json.dumps(roles[role]["Policies"])
            if group not in re.findall(r'"([A-Za-z]+LogGroup)"', allowed):
                yield f"{name} may not write to its log group"
            if '"secretsmanager:GetSecretValue"' not in allowed:
                yield f"{name} may not read the secret"
            if '"sqs:SendMessage"' not in allowed:
                yield f"{name} may not wake the worker"
        if "ReservedConcurrentExecutions" not in it:
            yield f"{name} has no cap"
        if not isinstance(it.get("Timeout"), int) or not 1 <= it["Timeout"] <= 900:
            yield f"{name}: timeout {it.get('Timeout')}"
    for field in ["LogGroup", "Role"]:
        used = [target(it.get("Role") if field == "Role" else it.get("LoggingConfig", {}).get(field)) for it in functions.values()]
        if len(set(used)) != len(used):
            yield f"two functions share a {field}"
    for name in HTTP:
        url = functions[name].get("FunctionUrlConfig", {})
        if url.get("InvokeMode") != "RESPONSE_STREAM":
            yield f"{name} does not stream"
        if url.get("AuthType") != "NONE":
            yield f"{name} asks callers for AWS credentials"
        if "Cors" in url:
            yield f"{name}: CORS is answered by the handlers; twice is an error in browsers"
    longest = template["Parameters"]["SseSeconds"]["MaxValue"]
    if longest >= functions["RestFunction"]["Timeout"]:
        yield "a live stream may be longer than the function"


def of_queues(template):
    resources = template["Resources"]
    queues = of(resources, "AWS::SQS::Queue")
    for name, it in of(resources, "AWS::Serverless::Function").items():
        for event, source in it.get("Events", {}).items():
            if source["Type"] != "SQS":
                continue
            its = source["Properties"]
            queue = target(its["Queue"])
            visible = queues[queue].get("VisibilityTimeout", 30)
            if visible < 6 * it["Timeout"]:
                yield f"{queue}: a message comes back after {visible} s, while {name} may take {it['Timeout']} s; six times that is needed"
            if its.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
                yield f"{name}.{event}: one failure repeats the whole batch"
            most = default(template, its.get("ScalingConfig", {}).get("MaximumConcurrency", 0))
            if not 2 <= most < template["Parameters"]["WorkerReservedConcurrency"]["Default"]:
                yield f"{name}.{event}: the queue may take all instances, and schedules none"
            redrive = queues[queue].get("RedrivePolicy", {})
            dead = target(redrive.get("deadLetterTargetArn"))
            if dead not in queues or dead == queue:
                yield f"{queue} has no dead-letter queue"
            elif redrive.get("maxReceiveCount", 0) < 5:
                yield f"{queue} gives up after {redrive.get('maxReceiveCount')} tries"
            elif queues[dead].get("MessageRetentionPeriod", 345600) <= queues[queue].get("MessageRetentionPeriod", 345600):
                # A message keeps the time it was sent at when it moves.
                yield f"{dead} forgets as early as {queue}"
    for name, it in queues.items():
        if not it.get("SqsManagedSseEnabled"):
            yield f"{name} is not encrypted"
    denied = json.dumps(of(resources, "AWS::SQS::QueuePolicy"))
    for name in queues:
        if denied.count(f'"{name}"') < 2:
            yield f"{name} takes messages without TLS"


def of_schedules(template):
    code = "".join(text for _, text in settings.rust_files(["runtime-lambda/src"]))
    known = re.search(r"enum Task \{(.*?)\n\}", code, re.S)
    known = {word.lower() for word in re.findall(r"^    ([A-Z]\w+)", known[1], re.M)} if known else set()
    seen, names = {}, []
    for function, it in of(template["Resources"], "AWS::Serverless::Function").items():
        for event, source in it.get("Events", {}).items():
            if source["Type"] == "SQS":
                continue
            if source["Type"] != "ScheduleV2":
                yield f"{function}.{event} is a {source['Type']}"
                continue
            its = source["Properties"]
            name = its.get("Name", {})
            name = name.get("Fn::Sub") if isinstance(name, dict) else name
            if not str(name).startswith("${AWS::StackName}-"):
                yield f"{event}: a second stack would have a schedule of the same name, {name}"
            names.append(name)
            when = its["ScheduleExpression"]
            if not is_schedule(when):
                yield f"{event}: {when} is no schedule"
            task = json.loads(its["Input"])
            if set(task) != {"task"} or task["task"] not in known:
                yield f"{event}: the worker does not know {its['Input']}"
            if target(its.get("DeadLetterConfig", {}).get("Arn")) is None:
                yield f"{event}: a failure leaves no trace"
            seen[task.get("task")] = when
    if len(set(names)) != len(names):
        yield "two schedules have one name"
    for task, when in SCHEDULES.items():
        if not seen.get(task, "").startswith(when):
            yield f"{task} runs at {seen.get(task)}, not at {when}"


def is_schedule(text):
    """Whether EventBridge takes it: one of a unit has no plural, more have, and cron has six fields."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", text)
    if rate:
        return int(rate[1]) >= 1 and (int(rate[1]) == 1) == (rate[3] == "")
    cron = re.fullmatch(r"cron\((.*)\)", text)
    fields = cron[1].split() if cron else []
    # The day is given by the month or by the week, never by both.
    return len(fields) == 6 and (fields[2] == "?") != (fields[4] == "?")


def of_policies(template):
    for name, it in template["Resources"].items():
        for statement in every_dict(it):
            if statement.get("Effect") != "Allow" or "Resource" not in statement:
                continue
            actions = statement["Action"]
            actions = actions if isinstance(actions, list) else [actions]
            if any("*" in action for action in actions):
                yield f"{name} allows {actions}"
            if "*" in json.dumps(statement["Resource"]):
                yield f"{name} allows {actions} on {statement['Resource']}"
    for name, it in of(template["Resources"], "AWS::Serverless::Function").items():
        if "Policies" in it:
            yield f"{name}: policies of SAM are ignored beside a role"


def of_alarms(template):
    resources = template["Resources"]
    alarms = of(resources, "AWS::CloudWatch::Alarm")
    watched = {}
    for name, it in alarms.items():
        on = {target(dimension["Value"]) for dimension in it["Dimensions"]}
        if not on <= set(resources):
            yield f"{name} watches {on}, which is not there"
        if "AlarmTopic" not in json.dumps(it.get("AlarmActions")):
            yield f"{name} tells nobody"
        if it.get("TreatMissingData") != "notBreaching":
            yield f"{name} alarms when nothing happens"
        for one in on:
            watched[one, it["MetricName"]] = it
    for name, it in of(resources, "AWS::Serverless::Function").items():
        for metric in ["Errors", "Throttles", "Duration"]:
            alarm = watched.get((name, metric))
            if alarm is None:
                yield f"nobody notices {metric} of {name}"
            elif metric == "Duration" and alarm["Threshold"] != it["Timeout"] * 1000 * NEAR:
                yield f"{name}: {alarm['Threshold']} ms is not near {it['Timeout']} s"
    queues = of(resources, "AWS::SQS::Queue")
    for name in queues:
        metric = "ApproximateAgeOfOldestMessage" if "RedrivePolicy" in queues[name] else "ApproximateNumberOfMessagesVisible"
        if (name, metric) not in watched:
            yield f"nobody notices {metric} of {name}"
    for name, it in of(resources, "AWS::SNS::Topic").items():
        if "KmsMasterKeyId" in it:
            yield f"{name}: alarms may not use the key {it['KmsMasterKeyId']}"


def of_edge(template):
    distributions = of(template["Resources"], "AWS::CloudFront::Distribution")
    if len(distributions) != len(HTTP):
        yield "each function with a URL has a distribution"
    for name, it in distributions.items():
        config = it["DistributionConfig"]
        if template["Resources"][name].get("Condition") != "HasCloudFront":
            yield f"{name} is made without being asked for"
        behaviour = config["DefaultCacheBehavior"]
        if behaviour.get("Compress") is not False:
            yield f"{name} holds back streams to compress them"
        if "PUT" not in behaviour["AllowedMethods"]:
            yield f"{name} lets nobody write"
        header = json.dumps(config["Origins"])
        if "x-origin-verify" not in header or "TRACEWAY_ORIGIN_SECRET" not in header:
            yield f"{name} does not say who it is"


def of_parameters(template):
    parameters = set(template["Parameters"])
    used = {it["Ref"] for it in every_dict({k: v for k, v in template.items() if k != "Metadata"}) if "Ref" in it}
    text = json.dumps(template["Resources"]) + json.dumps(template["Outputs"])
    used |= {name for name in parameters if f"${{{name}}}" in text}
    shown = [name for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"] for name in group["Parameters"]]
    for name in sorted(parameters - used):
        yield f"parameter {name} does nothing"
    for name in sorted(parameters.symmetric_difference(shown)):
        yield f"parameter {name} is not in one group"
    for name, it in template["Parameters"].items():
        if not it.get("Description"):
            yield f"parameter {name} is not described"
        if it.get("NoEcho"):
            yield f"parameter {name} is a secret; those are in Secrets Manager"


def of_tags(template):
    if not template["Globals"]["Function"].get("Tags"):
        yield "functions have no tags"
    for name, it in template["Resources"].items():
        if it["Type"] not in WITHOUT_TAGS and not it["Properties"].get("Tags"):
            yield f"{name} has no tags"
