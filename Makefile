# Weicheng 卫城. `make` alone lists the targets.
# Every target sets up what it needs by itself; a set-up that is there costs neither time nor network.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

BIN := .venv/bin
PACKAGES := kernel ca netops monitor siem backup policies console
BENCHES := $(filter-out report seeds installation peers http_load served_ca registered,$(patsubst benchmarks/%.py,%,$(wildcard benchmarks/[a-z]*.py)))
CODE := $(PACKAGES) scripts tests $(wildcard benchmarks)

.PHONY: help demo serve test test-slow check bench screens i18n lock clean setup-demo setup-test

help: ## 列出全部命令 | list the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-12s %s|%s\n", $$1, $$2, $$3 }'

demo: setup-demo ## 在演练网络上完整演示一遍 | the main job, whole, on the practice network
	@$(BIN)/weicheng demo

serve: setup-demo ## 启动控制台（使用演示数据） | the console on the demo's data
	@WEICHENG_CONFIG=$${WEICHENG_CONFIG:-var/demo/weicheng.toml} $(BIN)/weicheng serve

test: setup-test ## 日常测试 | the everyday tests
	@$(BIN)/pytest -m "not slow" --numprocesses 2

test-slow: setup-test ## 慢测试 | the slow tests
	@$(BIN)/pytest -m slow

check: setup-test ## 格式、规则、类型、导入边界、迁移、翻译 | format, lint, types, imports, migrations, translations
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo "改正 | mend: $(BIN)/ruff format $(CODE)" >&2; exit 1; }
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/weicheng db check
	@$(BIN)/python -m scripts.messages check

bench: setup-test ## 性能测量（NAME=名称） | a measurement (NAME=name)
	@$(BIN)/python -m benchmarks.$(subst -,_,$(or $(NAME),$(error NAME=…: $(BENCHES))))

screens: setup-test ## 更新控制台各页截图（需先 make demo） | renew docs/screens (after make demo)
	@$(BIN)/python -m scripts.screens

i18n: setup-demo ## 编译中英文消息 | compile the messages
	@$(BIN)/python -m scripts.messages compile

lock: setup-demo ## 重新锁定依赖版本 | resolve and pin the dependencies anew
	@scripts/lock.sh

setup-demo setup-test: setup-%:
	@scripts/setup.sh $*

clean: ## 删除环境、缓存与演示数据 | remove environment, caches and the demo's data
	@rm -rf .venv var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis console/static/vendor
	@find $(CODE) -name __pycache__ -prune -exec rm -rf {} + -o -name '*.mo' -delete
