//===- CodecTest.cpp - Words to bytes and back ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

using namespace vtpu;
using namespace vtpu::isa;

TEST(Codec, RoundTripOfEveryRow) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  for (const InstrInfo *info = begin(); info != end(); ++info) {
    for (int i = 0; i < 50; ++i) {
      Word word = test::randomWord(*info, random);
      if (!word.hasImmediates)
        for (uint16_t &c : word.coordinate)
          c = uint16_t(random() % 2048);
      uint8_t bytes[wordBytes];
      encode(word, nullptr, bytes);
      Result<Word> decoded = decode(bytes);
      ASSERT_TRUE(decoded.ok()) << info->mnemonic << ": " << decoded.message();
      EXPECT_TRUE(*decoded == word) << info->mnemonic;
    }
  }
}

TEST(Rules, FactsOfEveryRowFollowFromItsEffects) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  for (const InstrInfo *info = begin(); info != end(); ++info)
    for (int i = 0; i < 50; ++i) {
      const Word word = test::randomWord(*info, random);
      WordFacts facts;
      const Status status = checkWord(word, facts);
      ASSERT_TRUE(status) << info->mnemonic << ": " << status.message();
      const Effects effects = isa::effects(info->pipe, word.slot(info->pipe));
      auto places = [](uint64_t v, uint64_t r, uint64_t k, uint64_t m) {
        return v | r << WordFacts::rPlace | k << WordFacts::kPlace | m << WordFacts::mPlace;
      };
      EXPECT_EQ(facts.read, places(effects.readV, effects.readR, effects.readK, effects.readM)) << info->mnemonic;
      EXPECT_EQ(facts.write, places(effects.writeV, effects.writeR, effects.writeK, effects.writeM)) << info->mnemonic;
      EXPECT_EQ(facts.readP, effects.readP) << info->mnemonic;
      EXPECT_EQ(facts.writeP, effects.writeP) << info->mnemonic;
      // Whatever flows is told of.
      if (info->flows() || info->accessesAlone() || (facts.readP | facts.writeP)) {
        EXPECT_TRUE(facts.traits & (WordFacts::adds | WordFacts::accesses | WordFacts::flows)) << info->mnemonic;
      }
    }
}

TEST(Codec, EveryBitFlipIsRefusedOrMeansSomethingElse) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  for (const InstrInfo *info = begin(); info != end(); ++info) {
    Word word = test::randomWord(*info, random);
    uint8_t bytes[wordBytes];
    encode(word, nullptr, bytes);
    for (unsigned bit = 0; bit < wordBytes * 8; ++bit) {
      if (bit / 8 == 2 || (bit / 8 == 3 && bit % 8 == 0))
        continue; // dependency bits: derived, a hint
      uint8_t flipped[wordBytes];
      std::copy(bytes, bytes + wordBytes, flipped);
      flipped[bit / 8] ^= uint8_t(1u << (bit % 8));
      Result<Word> decoded = decode(flipped);
      EXPECT_FALSE(decoded.ok() && *decoded == word) << info->mnemonic << " bit " << bit;
    }
  }
}

TEST(Table, LookUpAgreesWithTheRows) {
  std::set<std::string_view> names;
  for (const InstrInfo *info = begin(); info != end(); ++info) {
    EXPECT_EQ(lookup(info->pipe, info->opcode), info);
    EXPECT_EQ(lookup(info->mnemonic), info);
    names.insert(info->mnemonic);
  }
  EXPECT_EQ(names.size(), size_t(numInstructions));
  EXPECT_EQ(lookup("nosuch"), nullptr);
}

namespace {
std::string complaint(const Word &word) { return checkWord(word).message(); }
Slot dSlot(DOp op, uint8_t rd, uint8_t ra, uint8_t rb) {
  Slot slot;
  slot.opcode = uint8_t(op);
  slot.type = Type::f32;
  slot.length = Length::v512;
  slot.rd = rd;
  slot.ra = ra;
  slot.rb = rb;
  return slot;
}
} // namespace

TEST(Rules, MessagesNameTheFault) {
  Word word;
  word.slot(Pipe::D) = dSlot(DOp::dadd, 1, 2, 32);
  EXPECT_NE(complaint(word).find("register 32"), std::string::npos) << complaint(word);
  word.slot(Pipe::D) = dSlot(DOp::dadd, 1, 2, 3);
  EXPECT_EQ(complaint(word), "");
  word.slot(Pipe::D).type = Type::f16;
  EXPECT_NE(complaint(word).find("element type f16"), std::string::npos) << complaint(word);
  word.slot(Pipe::D).type = Type::f32;
  word.slot(Pipe::D).imm = 4;
  EXPECT_NE(complaint(word).find("takes no immediate"), std::string::npos) << complaint(word);
  word.slot(Pipe::D).imm = 0;
  word.slot(Pipe::D).zeroing = true;
  EXPECT_NE(complaint(word).find("zeroing bit"), std::string::npos) << complaint(word);
  word.slot(Pipe::D).zeroing = false;
  word.slot(Pipe::D).opcode = 200;
  EXPECT_NE(complaint(word).find("opcode 200"), std::string::npos) << complaint(word);
  word.slot(Pipe::D) = dSlot(DOp::dred, 1, 2, 2);
  EXPECT_NE(complaint(word).find("temporary register 2"), std::string::npos) << complaint(word);
  word.slot(Pipe::D) = Slot();
  word.slot(Pipe::D).rd = 1;
  EXPECT_NE(complaint(word).find("slot is empty"), std::string::npos) << complaint(word);
}

TEST(Rules, OfManyWordsTheFirstWrongOneIsTold) {
  Word add, store, both;
  add.slot(Pipe::D) = dSlot(DOp::dadd, 1, 2, 3);
  Slot slot;
  slot.opcode = uint8_t(SOp::sst);
  slot.type = slot.memType = Type::f32;
  slot.length = Length::v512;
  slot.rd = 1;
  slot.ra = 4;
  slot.rb = noRegister;
  store.slot(Pipe::S) = slot;
  both.slots = {add.slot(Pipe::D), slot, Slot()};
  both.coordinate[0] = 2047; // that nothing uses
  std::vector<Word> words = {add, store, both, add, add};
  WordFacts facts[5];
  EXPECT_EQ(checkWords(words.data(), words.size(), facts), 5u);
  EXPECT_EQ(facts[0].traits, 0);
  EXPECT_EQ(facts[1].traits, WordFacts::accesses | WordFacts::stores);
  EXPECT_EQ(facts[1].read, uint64_t(1) << 1 | uint64_t(1) << (WordFacts::rPlace + 4));
  EXPECT_EQ(facts[2].order[0], Pipe::S); // reads v1 before it is overwritten
  EXPECT_TRUE(facts[2].traits & WordFacts::flows);
  EXPECT_EQ(facts[2].write, facts[0].write);
  words[4].slot(Pipe::D).rb = 32;
  words[3].coordinate[10] = 2048;
  EXPECT_EQ(checkWords(words.data(), words.size(), facts), 3u);
}

TEST(Rules, SlotsAreParallel) {
  // D reads v1 that S overwrites: D goes first.
  Word word;
  word.slot(Pipe::D) = dSlot(DOp::dadd, 2, 1, 1);
  Slot load;
  load.opcode = uint8_t(SOp::sld);
  load.type = load.memType = Type::f32;
  load.length = Length::v512;
  load.rd = 1;
  load.rb = noRegister;
  word.slot(Pipe::S) = load;
  auto order = emissionOrder(word);
  ASSERT_TRUE(order.has_value());
  EXPECT_EQ((*order)[0], Pipe::D);
  // Two writers of one register have no order.
  word.slot(Pipe::S).rd = 2;
  EXPECT_FALSE(emissionOrder(word).has_value());
  EXPECT_NE(complaint(word).find("two slots write one register"), std::string::npos);
}
